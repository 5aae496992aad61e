// Names of mechanisms, RFC 4422 3.1, and what SASLprep prohibits, RFC 4013 2.3.
#include "proto/sasl/mechanism.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/base/utf8.h"

namespace ringpost::sasl {
namespace {

// In the order of Mechanism.
constexpr std::array names =
    std::to_array<std::string_view>({"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"});

// What RFC 4013 2.3 prohibits: tables C.2, C.3, C.4, C.6, C.8 and C.9 of RFC 3454.
constexpr bool is_prohibited(char32_t code) {
  const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool is_private = (code >= 0xe000 && code <= 0xf8ff) || code >= 0xf0000;
  const bool is_no_character = (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
  const bool is_invisible =
      code == 0x06dd || code == 0x070f || code == 0x180e || (code >= 0x200c && code <= 0x200f) ||
      (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
      (code >= 0xfff9 && code <= 0xffff) || (code >= 0xe0001 && code <= 0xe007f);
  return is_control || is_private || is_no_character || is_invisible;
}

}  // namespace

std::optional<Mechanism> mechanism_of(std::string_view name) {
  const auto found = std::ranges::find_if(
      names, [name](std::string_view known) { return ascii::equal_ignoring_case(known, name); });
  if (found == names.end()) return std::nullopt;
  return static_cast<Mechanism>(found - names.begin());
}

std::string_view to_text(Mechanism mechanism) { return names[std::to_underlying(mechanism)]; }

bool is_credential(std::string_view text) {
  if (text.empty() || text.size() > credential_octets_max) return false;
  while (!text.empty()) {
    const Utf8Sequence sequence = utf8_front(text);
    if (sequence.octets == 0 || is_prohibited(sequence.code)) return false;
    text.remove_prefix(sequence.octets);
  }
  return true;
}

}  // namespace ringpost::sasl
