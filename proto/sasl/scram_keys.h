// What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677), and its form
// in a table of credentials, which is Dovecot's. A text that is none is no keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/sasl/hashing.h"

namespace ringpost::sasl {

// RFC 7677 asks for 4096 at least. More than the greatest would let a table stop a core for
// seconds.
inline constexpr std::uint32_t scram_iterations_least = 4096;
inline constexpr std::uint32_t scram_iterations_most = 10'000'000;
inline constexpr std::size_t scram_salt_octets_max = 256;
inline constexpr std::string_view scram_keys_scheme = "{SCRAM-SHA-256}";

struct ScramKeys {
  std::uint32_t iterations = scram_iterations_least;
  std::string salt;
  Hash stored{};
  Hash server{};

  bool operator==(const ScramKeys&) const = default;
};

// "{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey", the last three in base64.
std::optional<ScramKeys> parse_scram_keys(std::string_view text);
std::string to_text(const ScramKeys& keys);

// The keys of a password. Takes as long as `iterations` say.
ScramKeys make_scram_keys(std::string_view password, std::string salt, std::uint32_t iterations,
                          const Hashing& hashing);

}  // namespace ringpost::sasl
