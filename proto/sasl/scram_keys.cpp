// Keys of SCRAM: RFC 5802 3. What is longer, shorter or out of bounds is no key.
#include "proto/sasl/scram_keys.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/base64.h"

namespace ringpost::sasl {
namespace {

std::string_view next_part(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  const std::string_view part = rest.substr(0, comma);
  rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  return part;
}

bool take_hash(std::string_view text, Hash& hash) {
  const auto octets = base64_decode(text);
  if (!octets || octets->size() != hash.size()) return false;
  std::ranges::copy(bytes_of(*octets), hash.begin());
  return true;
}

}  // namespace

std::optional<ScramKeys> parse_scram_keys(std::string_view text) {
  if (!ascii::starts_ignoring_case(text, scram_keys_scheme)) return std::nullopt;
  text.remove_prefix(scram_keys_scheme.size());
  if (std::ranges::count(text, ',') != 3) return std::nullopt;
  const auto iterations = ascii::parse_decimal<std::uint32_t>(next_part(text));
  if (!iterations || *iterations < scram_iterations_least || *iterations > scram_iterations_most)
    return std::nullopt;
  auto salt = base64_decode(next_part(text));
  if (!salt || salt->empty() || salt->size() > scram_salt_octets_max) return std::nullopt;
  ScramKeys keys{.iterations = *iterations, .salt = std::move(*salt)};
  if (!take_hash(next_part(text), keys.stored) || !take_hash(text, keys.server))
    return std::nullopt;
  return keys;
}

std::string to_text(const ScramKeys& keys) {
  return fmt::format("{}{},{},{},{}", scram_keys_scheme, keys.iterations, base64_encode(keys.salt),
                     base64_encode(text_of(keys.stored)), base64_encode(text_of(keys.server)));
}

// RFC 7677 3: RFC 5802's functions, with SHA-256.
ScramKeys make_scram_keys(std::string_view password, std::string salt, std::uint32_t iterations,
                          const Hashing& hashing) {
  Hash salted = hashing.pbkdf2_sha256(password, bytes_of(salt), iterations);
  Hash client = hashing.hmac_sha256(salted, bytes_of("Client Key"));
  ScramKeys keys{.iterations = iterations, .salt = std::move(salt)};
  keys.stored = hashing.sha256(client);
  keys.server = hashing.hmac_sha256(salted, bytes_of("Server Key"));
  wipe(salted.data(), salted.size());
  wipe(client.data(), client.size());
  return keys;
}

}  // namespace ringpost::sasl
