// Code, perhaps an enhanced status, and text: RFC 5321 4.2, RFC 2034.
#include "proto/smtp/refusal.h"

#include "proto/base/ascii.h"

namespace ringpost::smtp {

std::optional<Reply> parse_refusal(std::string_view text) {
  constexpr std::size_t code_size = 3;
  if (text.size() < code_size) return std::nullopt;
  unsigned code = 0;
  for (const char digit : text.substr(0, code_size)) {
    if (!ascii::is_digit(digit)) return std::nullopt;
    code = code * 10 + static_cast<unsigned>(digit - '0');
  }
  if (code < 400 || code > 599) return std::nullopt;
  text.remove_prefix(code_size);
  if (!text.empty() && text.front() != ' ') return std::nullopt;
  if (!text.empty()) text.remove_prefix(1);
  const EnhancedStatus status = take_enhanced(text, code / 100);
  return Reply(static_cast<std::uint16_t>(code), status, std::string(text));
}

}  // namespace ringpost::smtp
