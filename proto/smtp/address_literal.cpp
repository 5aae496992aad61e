// Address literals: RFC 5321 4.1.3; IPv6 addresses are printed as RFC 5952 says.
// Gives nothing for what is not one; tags other than IPv6 are none of ours.
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::smtp {
namespace {

constexpr std::size_t group_count = 8;
using Groups = std::array<std::uint16_t, group_count>;

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = part < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos || end > 3) return std::nullopt;
    const auto value = ascii::parse_decimal<std::uint32_t>(text.substr(0, end));
    if (!value || *value > 255) return std::nullopt;
    address = address << 8 | *value;
    text.remove_prefix(part < 3 ? end + 1 : end);
  }
  return address;
}

std::string ipv4_text(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
                     address & 0xff);
}

// Reads groups up to the end or to "::"; how many, or nothing when malformed. `text` is left behind
// them.
std::optional<std::size_t> parse_groups(std::string_view& text, Groups& groups) {
  std::size_t count = 0;
  while (!text.empty() && !text.starts_with("::")) {
    if (count > 0) {
      if (text.front() != ':') return std::nullopt;
      text.remove_prefix(1);
    }
    const std::string_view part = text.substr(0, text.find(':'));
    if (count <= group_count - 2 && part.size() == text.size() && part.contains('.')) {
      const auto tail = parse_ipv4(part);
      if (!tail) return std::nullopt;
      groups[count++] = static_cast<std::uint16_t>(*tail >> 16);
      groups[count++] = static_cast<std::uint16_t>(*tail & 0xffff);
    } else {
      const auto value = ascii::parse_decimal<std::uint16_t>(part, 16);
      if (!value || part.size() > 4 || count == group_count) return std::nullopt;
      groups[count++] = *value;
    }
    text.remove_prefix(part.size());
  }
  return count;
}

std::optional<Groups> parse_ipv6(std::string_view text) {
  Groups head{};
  const auto before = parse_groups(text, head);
  if (!before) return std::nullopt;
  if (text.empty()) return *before == group_count ? std::optional(head) : std::nullopt;
  text.remove_prefix(2);
  Groups tail{};
  const auto after = parse_groups(text, tail);
  if (!after || !text.empty() || *before + *after >= group_count) return std::nullopt;
  for (std::size_t i = 0; i < *after; ++i) head[group_count - *after + i] = tail[i];
  return head;
}

// RFC 5952 4.2: the longest run of two or more zero groups becomes "::", the first of equal ones.
std::string ipv6_text(const Groups& groups) {
  std::size_t best = 0, best_length = 1;
  for (std::size_t begin = 0; begin < group_count; ++begin) {
    std::size_t end = begin;
    while (end < group_count && groups[end] == 0) ++end;
    if (end - begin > best_length) best = begin, best_length = end - begin;
  }
  const bool shortened = best_length > 1;
  std::string text;
  for (std::size_t i = 0; i < group_count; ++i) {
    if (shortened && i == best) {
      text += "::";
      i += best_length - 1;
      continue;
    }
    if (!text.empty() && !text.ends_with(':')) text += ':';
    fmt::format_to(std::back_inserter(text), "{:x}", groups[i]);
  }
  return text;
}

}  // namespace

// RFC 5321 4.1.3
std::optional<std::string> parse_address_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view tag = "IPv6:";
  if (ascii::starts_ignoring_case(text, tag)) {
    const auto groups = parse_ipv6(text.substr(tag.size()));
    return groups ? std::optional(fmt::format("[{}{}]", tag, ipv6_text(*groups))) : std::nullopt;
  }
  const auto address = parse_ipv4(text);
  return address ? std::optional(fmt::format("[{}]", ipv4_text(*address))) : std::nullopt;
}

}  // namespace ringpost::smtp
