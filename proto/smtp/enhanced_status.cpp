// Enhanced status codes as text: see enhanced_status.h.
#include "proto/smtp/enhanced_status.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::smtp {
namespace {

// Up to three digits followed by `end`, taken off `text`.
std::optional<std::uint16_t> take_number(std::string_view& text, char end) {
  const std::size_t digits = std::min<std::size_t>(text.find(end), text.size());
  if (digits == 0 || digits > 3) return std::nullopt;
  const auto number = ascii::parse_decimal<std::uint16_t>(text.substr(0, digits));
  if (number) text.remove_prefix(std::min(digits + 1, text.size()));
  return number;
}

}  // namespace

std::string to_text(const EnhancedStatus& status) {
  return fmt::format("{}.{}.{}", status.status_class, status.subject, status.detail);
}

EnhancedStatus take_enhanced(std::string_view& text, unsigned severity) {
  std::string_view rest = text;
  if (rest.size() < 5 || rest[0] != static_cast<char>('0' + severity) || rest[1] != '.') return {};
  rest.remove_prefix(2);
  const auto subject = take_number(rest, '.');
  if (!subject || rest.empty()) return {};
  const auto detail = take_number(rest, ' ');
  if (!detail) return {};
  text = rest;
  return {static_cast<std::uint8_t>(severity), *subject, *detail};
}

}  // namespace ringpost::smtp
