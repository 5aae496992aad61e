// The SASL mechanisms (RFC 4422) that are spoken here, and the texts that all of them exchange:
// names of users and passwords. Deterministic; what is refused says no more than that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ringpost::sasl {

// Of a name or a password; RFC 4616 section 2 knows no limit, memory does.
inline constexpr std::size_t credential_octets_max = 1024;

enum class Mechanism : std::uint8_t { Plain, Login, ScramSha256, ScramSha256Plus };

// By its registered name in any case; nothing when it is not spoken here.
std::optional<Mechanism> mechanism_of(std::string_view name);
std::string_view to_text(Mechanism mechanism);

// Whether `text` may be a name or a password: well-formed UTF-8 of 1 to credential_octets_max
// octets without control characters, which SASLprep prohibits (RFC 4013 2.3). It is compared as it
// is: the mappings of SASLprep are the client's affair.
bool is_credential(std::string_view text);

}  // namespace ringpost::sasl
