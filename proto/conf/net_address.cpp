// Text forms of addresses: RFC 4291 2.2 read, RFC 5952 written, RFC 5321 4.1.3 literals accepted.
// Anything else is nothing; no resolving, no scope ids.
#include "proto/conf/net_address.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

constexpr std::size_t group_count = 8;
using Groups = std::array<std::uint16_t, group_count>;

std::optional<std::uint32_t> parse_inet4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos || dot > 3) return std::nullopt;
    const auto octet = ascii::parse_decimal<std::uint32_t>(text.substr(0, dot));
    if (!octet || *octet > 255) return std::nullopt;
    value = value << 8 | *octet;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return text.empty() ? std::optional(value) : std::nullopt;
}

// The groups of one side of "::", at most `room` of them; the last may be an IPv4 address.
std::optional<std::size_t> parse_groups(std::string_view text, std::span<std::uint16_t> room) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view part = text.substr(0, colon);
    if (colon == text.size() && part.contains('.')) {
      const auto inet4 = parse_inet4(part);
      if (!inet4 || count + 2 > room.size()) return std::nullopt;
      room[count] = static_cast<std::uint16_t>(*inet4 >> 16);
      room[count + 1] = static_cast<std::uint16_t>(*inet4 & 0xffff);
      return count + 2;
    }
    const auto group = ascii::parse_decimal<std::uint16_t>(part, 16);
    if (!group || part.size() > 4 || count == room.size()) return std::nullopt;
    room[count++] = *group;
    if (colon + 1 == text.size()) return std::nullopt;  // a colon with nothing behind it
    text.remove_prefix(std::min(colon + 1, text.size()));
  }
  return count;
}

std::optional<Groups> parse_inet6(std::string_view text) {
  Groups groups{};
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto count = parse_groups(text, groups);
    return count == group_count ? std::optional(groups) : std::nullopt;
  }
  Groups tail{};
  const std::string_view before = text.substr(0, gap);
  if (before.contains('.')) return std::nullopt;
  const auto left = parse_groups(before, groups);
  const auto right = parse_groups(text.substr(gap + 2), tail);
  if (!left || !right || *left + *right >= group_count) return std::nullopt;
  std::copy_n(tail.begin(), *right, groups.end() - static_cast<std::ptrdiff_t>(*right));
  return groups;
}

NetAddress from_groups(const Groups& groups) {
  NetAddress address{.family = Family::Inet6};
  for (std::size_t i = 0; i < group_count; ++i) {
    address.octets[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    address.octets[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return address;
}

struct Run {
  std::size_t begin = 0, size = 0;
};

// The longest run of zero groups, the first of equal ones, of at least two (RFC 5952 4.2).
Run longest_zero_run(const Groups& groups) {
  Run best, run;
  for (std::size_t i = 0; i < group_count; ++i) {
    run = groups[i] != 0 ? Run{i + 1, 0} : Run{run.begin, run.size + 1};
    if (run.size > best.size) best = run;
  }
  return best.size >= 2 ? best : Run{};
}

std::string inet6_text(const Groups& groups) {
  const Run gap = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < group_count; ++i) {
    if (gap.size > 0 && i == gap.begin) {
      text += "::";
      i += gap.size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    text += fmt::format("{:x}", groups[i]);
  }
  return text;
}

}  // namespace

std::optional<NetAddress> parse_net_address(std::string_view text) {
  if (text.starts_with('[')) {
    if (!text.ends_with(']')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
  }
  if (const auto inet4 = parse_inet4(text)) {
    NetAddress address;
    for (unsigned i = 0; i < 4; ++i) {
      address.octets[i] = static_cast<std::uint8_t>(*inet4 >> (24 - 8 * i));
    }
    return address;
  }
  if (ascii::starts_ignoring_case(text, "ipv6:")) text.remove_prefix(5);
  const auto groups = parse_inet6(text);
  return groups ? std::optional(from_groups(*groups)) : std::nullopt;
}

std::optional<NetPrefix> parse_net_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_net_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  unsigned length = address->bits();
  if (slash != std::string_view::npos) {
    const auto given = ascii::parse_decimal<unsigned>(text.substr(slash + 1));
    if (!given || *given > length) return std::nullopt;
    length = *given;
  }
  return NetPrefix{masked(*address, length), static_cast<std::uint8_t>(length)};
}

std::string to_text(const NetAddress& address) {
  const auto& octets = address.octets;
  if (address.family == Family::Inet4) {
    return fmt::format("{}.{}.{}.{}", octets[0], octets[1], octets[2], octets[3]);
  }
  Groups groups{};
  for (std::size_t i = 0; i < group_count; ++i) {
    groups[i] = static_cast<std::uint16_t>(octets[2 * i] << 8 | octets[2 * i + 1]);
  }
  return inet6_text(groups);
}

NetAddress unmapped(const NetAddress& address) {
  static constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0,    0,
                                                              0, 0, 0, 0, 0xff, 0xff};
  if (address.family != Family::Inet6) return address;
  if (!std::ranges::equal(mapped_prefix, std::span(address.octets).first<12>())) return address;
  NetAddress result;
  std::copy_n(address.octets.begin() + 12, 4, result.octets.begin());
  return result;
}

NetAddress masked(NetAddress address, unsigned length) {
  for (unsigned i = 0; i < address.octets.size(); ++i) {
    const unsigned kept = length > 8 * i ? std::min(length - 8 * i, 8U) : 0U;
    address.octets[i] = static_cast<std::uint8_t>(address.octets[i] & (0xff00U >> kept));
  }
  return address;
}

}  // namespace ringpost::conf
