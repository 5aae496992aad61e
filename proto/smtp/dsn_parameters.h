// Delivery status notification parameters of MAIL and RCPT, RFC 3461 section 4.
// Parsed strictly and kept; the delivery honours them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringpost::smtp {

inline constexpr std::size_t envelope_id_octets_max = 100;         // RFC 3461 4.4
inline constexpr std::size_t original_recipient_octets_max = 500;  // RFC 3461 4.2

// RET: how much of the message a failure report returns.
enum class ReturnContent : std::uint8_t { Unspecified, Full, Headers };

// NOTIFY as a set of bits, as it is stored in the envelope; zero: the parameter was not given.
struct NotifySet {
  static constexpr std::uint8_t never = 1;
  static constexpr std::uint8_t success = 2;
  static constexpr std::uint8_t failure = 4;
  static constexpr std::uint8_t delay = 8;

  std::uint8_t bits = 0;

  constexpr bool operator==(const NotifySet&) const = default;
  constexpr bool has(std::uint8_t bit) const { return (bits & bit) != 0; }
  constexpr bool is_given() const { return bits != 0; }
};

// Values as they stand after '='; nothing when malformed.
std::optional<ReturnContent> parse_ret(std::string_view value);
std::optional<NotifySet> parse_notify(std::string_view value);
// True when `text` is xtext of at least one octet.
bool is_xtext(std::string_view text, bool utf8_allowed);
// True when `value` is a well-formed ENVID (xtext of 1 to 100 printable octets).
bool is_envelope_id(std::string_view value);
// True when `value` is addr-type ";" xtext, or utf-8 in the form of RFC 6533 section 3.
bool is_original_recipient(std::string_view value);

// What xtext stands for; a '+' that no two upper-case hex digits follow stands for itself. The
// result may hold any octet.
std::string decode_xtext(std::string_view text);

}  // namespace ringpost::smtp
