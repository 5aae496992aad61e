// Private keys by BoringSSL: see private_key.h. Signing fails only for keys that parse() refuses:
// those are CHECKs.
#include "scan/sign/private_key.h"

#include <array>

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "proto/base/check.h"
#include "scan/sign/public_key.h"

namespace ringpost::scan {
namespace {

constexpr std::size_t pem_octets_max = 65'536;

// A passphrase is never asked for.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

std::expected<PrivateKey, std::string> PrivateKey::parse(std::string_view pem) {
  if (pem.size() > pem_octets_max) return std::unexpected("more than a private key");
  const bssl::UniquePtr<BIO> input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(input != nullptr);
  bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(input.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key) return std::unexpected("no private key without a passphrase in PEM form");
  if (EVP_PKEY_id(key.get()) == EVP_PKEY_ED25519)
    return PrivateKey(std::move(key), auth::Algorithm::Ed25519Sha256);
  const RSA* rsa = EVP_PKEY_get0_RSA(key.get());
  if (rsa == nullptr) return std::unexpected("neither an RSA nor an Ed25519 key");
  const unsigned bits = RSA_bits(rsa);
  if (bits < rsa_bits_min || bits > rsa_bits_max)
    return std::unexpected("an RSA key that does not have 1024 to 4096 bits");
  return PrivateKey(std::move(key), auth::Algorithm::RsaSha256);
}

std::string PrivateKey::public_octets() const {
  if (algorithm_ == auth::Algorithm::Ed25519Sha256) {
    std::array<std::uint8_t, 32> octets{};
    std::size_t size = octets.size();
    CHECK(EVP_PKEY_get_raw_public_key(key_.get(), octets.data(), &size) == 1 &&
          size == octets.size());
    return std::string(octets.begin(), octets.end());
  }
  bssl::ScopedCBB room;
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
  CHECK(CBB_init(room.get(), 512) == 1 && EVP_marshal_public_key(room.get(), key_.get()) == 1 &&
        CBB_finish(room.get(), &data, &size) == 1);
  std::string octets(data, data + size);
  OPENSSL_free(data);
  return octets;
}

std::string PrivateKey::sign(const Hash& hash) const {
  const auto* digest = reinterpret_cast<const std::uint8_t*>(hash.data());
  std::array<std::uint8_t, rsa_bits_max / 8> room{};
  if (algorithm_ == auth::Algorithm::RsaSha256) {
    unsigned size = 0;
    CHECK(RSA_sign(NID_sha256, digest, static_cast<unsigned>(hash.size()), room.data(), &size,
                   EVP_PKEY_get0_RSA(key_.get())) == 1);
    return std::string(room.begin(), room.begin() + size);
  }
  bssl::ScopedEVP_MD_CTX context;
  std::size_t size = room.size();
  CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
        EVP_DigestSign(context.get(), room.data(), &size, digest, hash.size()) == 1);
  return std::string(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
}

}  // namespace ringpost::scan
