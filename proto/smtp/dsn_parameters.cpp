// RET, NOTIFY, ENVID and ORCPT: RFC 3461 sections 4 and 5, RFC 6533 section 3 for UTF-8. Gives
// nothing, or false, when malformed.
#include "proto/smtp/dsn_parameters.h"

#include <algorithm>

#include "proto/base/ascii.h"
#include "proto/base/utf8.h"

namespace ringpost::smtp {
namespace {

constexpr bool is_upper_hex(char c) { return ascii::is_digit(c) || (c >= 'A' && c <= 'F'); }

}  // namespace

// RFC 3461 section 4: printable ASCII but '+' and '=', or '+' and two upper-case hex digits.
bool is_xtext(std::string_view text, bool utf8_allowed) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+') {
      if (text.size() - i < 3 || !is_upper_hex(text[i + 1]) || !is_upper_hex(text[i + 2]))
        return false;
      i += 2;
    } else if (c == '=' || c == ' ' || ascii::is_control(c) ||
               (ascii::is_high(c) && !utf8_allowed)) {
      return false;
    }
  }
  return !text.empty() && is_utf8(text);
}

namespace {

std::uint8_t notify_bit(std::string_view word) {
  if (ascii::equal_ignoring_case(word, "SUCCESS")) return NotifySet::success;
  if (ascii::equal_ignoring_case(word, "FAILURE")) return NotifySet::failure;
  if (ascii::equal_ignoring_case(word, "DELAY")) return NotifySet::delay;
  return 0;
}

}  // namespace

std::optional<ReturnContent> parse_ret(std::string_view value) {
  if (ascii::equal_ignoring_case(value, "FULL")) return ReturnContent::Full;
  if (ascii::equal_ignoring_case(value, "HDRS")) return ReturnContent::Headers;
  return std::nullopt;
}

// RFC 3461 4.1: NEVER stands alone.
std::optional<NotifySet> parse_notify(std::string_view value) {
  if (ascii::equal_ignoring_case(value, "NEVER")) return NotifySet{NotifySet::never};
  NotifySet set;
  for (;;) {
    const std::string_view word = value.substr(0, value.find(','));
    const std::uint8_t bit = notify_bit(word);
    if (bit == 0) return std::nullopt;
    set.bits = static_cast<std::uint8_t>(set.bits | bit);
    if (word.size() == value.size()) return set;
    value.remove_prefix(word.size() + 1);
  }
}

bool is_envelope_id(std::string_view value) {
  return value.size() <= envelope_id_octets_max && is_xtext(value, false);
}

// RFC 3461 4.2
bool is_original_recipient(std::string_view value) {
  if (value.size() > original_recipient_octets_max) return false;
  const std::size_t semicolon = value.find(';');
  if (semicolon == 0 || semicolon == std::string_view::npos) return false;
  const std::string_view type = value.substr(0, semicolon);
  if (!std::ranges::all_of(type, [](char c) { return ascii::is_alnum(c) || c == '-'; }))
    return false;
  return is_xtext(value.substr(semicolon + 1), ascii::equal_ignoring_case(type, "utf-8"));
}

std::string decode_xtext(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encodes = text[i] == '+' && text.size() - i >= 3 && is_upper_hex(text[i + 1]) &&
                         is_upper_hex(text[i + 2]);
    if (!encodes) {
      result += text[i];
      continue;
    }
    result += static_cast<char>(*ascii::parse_decimal<std::uint8_t>(text.substr(i + 1, 2), 16));
    i += 2;
  }
  return result;
}

}  // namespace ringpost::smtp
