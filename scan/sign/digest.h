// Sha256: the digest of octets that come in pieces. A value: a copy goes on by itself. By
// BoringSSL, which uses what the processor has. Cannot fail.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <openssl/sha.h>

#include "proto/base/bytes.h"

namespace ringpost::scan {

using Hash = std::array<std::byte, 32>;

class Sha256 {
 public:
  Sha256();
  void update(Bytes octets);
  void update(std::string_view text) { update(bytes_of(text)); }
  // Of everything so far; the digest is used up.
  Hash finish();

  static Hash of(std::string_view text);

 private:
  SHA256_CTX context_;
};

}  // namespace ringpost::scan
