// The hash functions that SCRAM is made of, given by whoever has a library of cryptography: this
// folder has none. They cannot fail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/base/bytes.h"

namespace ringpost::sasl {

using Hash = std::array<std::byte, 32>;

struct Hashing {
  Hash (*sha256)(Bytes text);
  Hash (*hmac_sha256)(Bytes key, Bytes text);
  // PBKDF2 (RFC 8018), one block of HMAC-SHA-256: Hi() of RFC 5802 2.2.
  Hash (*pbkdf2_sha256)(std::string_view password, Bytes salt, std::uint32_t iterations);
};

inline std::string_view text_of(const Hash& hash) { return ringpost::text_of(Bytes(hash)); }

}  // namespace ringpost::sasl
