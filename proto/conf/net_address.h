// IPv4 and IPv6 addresses and prefixes as values: what `from src`, `listen on` and local names
// compare. Text forms of RFC 4291 2.2 and RFC 5952 (printing); pure functions, nothing is resolved.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringpost::conf {

enum class Family : std::uint8_t { Any, Inet4, Inet6 };

// Never Any. An IPv4 address uses the first four octets, the others are zero. Octets in network
// order.
struct NetAddress {
  Family family = Family::Inet4;
  std::array<std::uint8_t, 16> octets{};
  constexpr auto operator<=>(const NetAddress&) const = default;
  constexpr unsigned bits() const { return family == Family::Inet4 ? 32 : 128; }
};

// The first `length` bits of `address` count; the other bits are zero.
struct NetPrefix {
  NetAddress address;
  std::uint8_t length = 0;
  constexpr auto operator<=>(const NetPrefix&) const = default;
};

// "192.0.2.1", "2001:db8::1", also in brackets and with "IPv6:" before an IPv6 address (RFC
// 5321 4.1.3).
std::optional<NetAddress> parse_net_address(std::string_view text);

// An address or address/length; bits behind the length are cleared.
std::optional<NetPrefix> parse_net_prefix(std::string_view text);

std::string to_text(const NetAddress& address);

// ::ffff:a.b.c.d becomes a.b.c.d: what accept() reports on a dual-stack socket.
NetAddress unmapped(const NetAddress& address);

// `address` with the bits behind the first `length` cleared.
NetAddress masked(NetAddress address, unsigned length);

}  // namespace ringpost::conf
