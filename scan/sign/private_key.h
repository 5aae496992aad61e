// PrivateKey: a key out of a PEM text, which signs digests for DKIM and ARC. RFC 8301 3.2, RFC
// 8463. For programs that hold keys themselves; a server asks its key process instead. What is no
// such key is a sentence.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include <openssl/base.h>
#include <openssl/evp.h>

#include "proto/auth/dkim_signature.h"
#include "scan/sign/digest.h"

namespace ringpost::scan {

class PrivateKey {
 public:
  // PKCS#8, or PKCS#1 of an RSA key; without a passphrase.
  static std::expected<PrivateKey, std::string> parse(std::string_view pem);

  auth::Algorithm algorithm() const { return algorithm_; }
  // p= of its key record, not yet encoded: see PublicKey.
  std::string public_octets() const;
  // Of RSASSA-PKCS1-v1_5 with SHA-256, or of Ed25519 over the digest.
  std::string sign(const Hash& hash) const;

 private:
  PrivateKey(bssl::UniquePtr<EVP_PKEY> key, auth::Algorithm algorithm)
      : key_(std::move(key)), algorithm_(algorithm) {}

  bssl::UniquePtr<EVP_PKEY> key_;
  auth::Algorithm algorithm_;
};

}  // namespace ringpost::scan
