// PublicKey: a key as DKIM publishes it, which verifies signatures of a SHA-256 digest. RFC 6376
// 3.6.1 and 3.3.3, RFC 8301 3.2 (RSA of 1024 to 4096 bits), RFC 8463 (Ed25519). A key that cannot
// be used is a sentence.
#pragma once

#include <expected>
#include <string_view>
#include <variant>

#include <openssl/base.h>
#include <openssl/rsa.h>

#include "proto/auth/dkim_key.h"
#include "scan/sign/digest.h"

namespace ringpost::scan {

inline constexpr unsigned rsa_bits_min = 1024;
inline constexpr unsigned rsa_bits_max = 4096;

class PublicKey {
 public:
  // RSA as SubjectPublicKeyInfo, or as the bare RSAPublicKey of PKCS#1 that RFC 6376 describes; the
  // 32 octets of an Ed25519 key. The error is static text.
  static std::expected<PublicKey, std::string_view> parse(const auth::DkimKey& key);

  // RSASSA-PKCS1-v1_5, or Ed25519 over the digest itself.
  bool verify(const Hash& hash, std::string_view signature) const;

 private:
  using Ed25519 = std::array<std::uint8_t, 32>;
  std::variant<Ed25519, bssl::UniquePtr<RSA>> key_;
};

}  // namespace ringpost::scan
