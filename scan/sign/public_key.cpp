// Keys by BoringSSL: see public_key.h. What its parsers refuse is refused here, and leaves nothing
// in its queue of errors.
#include "scan/sign/public_key.h"

#include <algorithm>

#include <openssl/bytestring.h>
#include <openssl/curve25519.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>

namespace ringpost::scan {
namespace {

const std::uint8_t* octets_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

bssl::UniquePtr<RSA> parse_rsa(std::string_view octets) {
  CBS input;
  CBS_init(&input, octets_of(octets), octets.size());
  const bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&input));
  if (key && CBS_len(&input) == 0) return bssl::UniquePtr<RSA>(EVP_PKEY_get1_RSA(key.get()));
  CBS_init(&input, octets_of(octets), octets.size());
  bssl::UniquePtr<RSA> bare(RSA_parse_public_key(&input));
  if (CBS_len(&input) != 0) bare.reset();
  return bare;
}

}  // namespace

std::expected<PublicKey, std::string_view> PublicKey::parse(const auth::DkimKey& key) {
  PublicKey result;
  if (key.algorithm == auth::Algorithm::Ed25519Sha256) {
    Ed25519 octets{};
    if (key.octets.size() != octets.size())
      return std::unexpected("the Ed25519 key has not 32 octets");
    std::ranges::copy_n(octets_of(key.octets), octets.size(), octets.begin());
    result.key_ = octets;
    return result;
  }
  bssl::UniquePtr<RSA> rsa = parse_rsa(key.octets);
  ERR_clear_error();
  if (!rsa) return std::unexpected("the RSA key cannot be read");
  const unsigned bits = RSA_bits(rsa.get());
  if (bits < rsa_bits_min) return std::unexpected("the RSA key has less than 1024 bits");
  if (bits > rsa_bits_max) return std::unexpected("the RSA key has more than 4096 bits");
  result.key_ = std::move(rsa);
  return result;
}

bool PublicKey::verify(const Hash& hash, std::string_view signature) const {
  const auto* digest = reinterpret_cast<const std::uint8_t*>(hash.data());
  if (const auto* ed25519 = std::get_if<Ed25519>(&key_))
    return signature.size() == 64 &&
           ED25519_verify(digest, hash.size(), octets_of(signature), ed25519->data()) == 1;
  const auto& rsa = std::get<bssl::UniquePtr<RSA>>(key_);
  const bool good = RSA_verify(NID_sha256, digest, hash.size(), octets_of(signature),
                               signature.size(), rsa.get()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace ringpost::scan
