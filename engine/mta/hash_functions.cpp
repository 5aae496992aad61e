// SHA-256, HMAC and PBKDF2 of BoringSSL: see hash_functions.h.
#include "engine/mta/hash_functions.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "proto/base/check.h"

namespace ringpost::mta {
namespace {

const std::uint8_t* octets_of(Bytes bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}
std::uint8_t* octets_of(sasl::Hash& hash) { return reinterpret_cast<std::uint8_t*>(hash.data()); }

sasl::Hash sha256(Bytes text) {
  sasl::Hash hash{};
  SHA256(octets_of(text), text.size(), octets_of(hash));
  return hash;
}

sasl::Hash hmac_sha256(Bytes key, Bytes text) {
  sasl::Hash hash{};
  unsigned octets = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), key.size(), octets_of(text), text.size(), octets_of(hash),
             &octets) != nullptr);
  return hash;
}

sasl::Hash pbkdf2_sha256(std::string_view password, Bytes salt, std::uint32_t iterations) {
  sasl::Hash hash{};
  CHECK(PKCS5_PBKDF2_HMAC(password.data(), password.size(), octets_of(salt), salt.size(),
                          iterations, EVP_sha256(), hash.size(), octets_of(hash)) == 1);
  return hash;
}

constexpr sasl::Hashing functions{&sha256, &hmac_sha256, &pbkdf2_sha256};

}  // namespace

const sasl::Hashing& hash_functions() { return functions; }

}  // namespace ringpost::mta
