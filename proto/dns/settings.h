// ResolverSettings: which DNS servers are asked, and how patiently. From resolv.conf(5), of which
// `nameserver`, `search`, `domain`, `options timeout:`, `attempts:` and `trust-ad` count; anything
// else in it is ignored, as by other resolvers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/conf/net_address.h"

namespace ringpost::dns {

inline constexpr std::size_t servers_max = 8;
inline constexpr std::size_t search_domains_max = 6;
inline constexpr std::uint16_t server_port = 53;
inline constexpr Duration server_timeout_max = seconds(30);
inline constexpr std::uint32_t server_attempts_max = 5;

struct ServerAddress {
  conf::NetAddress address = {};
  std::uint16_t port = server_port;
  // AD in its answers counts: what it says and the way from it are trusted (RFC 4035 4.9.3).
  bool trusted = false;
  bool operator==(const ServerAddress&) const = default;
};

struct ResolverSettings {
  std::vector<ServerAddress> servers = {};  // in the order in which they are asked
  Duration timeout = seconds(2);            // for one answer of one server
  unsigned attempts = 2;                    // rounds over all servers
  // Behind these a host of the configuration may stand that is a name without a dot.
  std::vector<std::string> search = {};
  bool operator==(const ResolverSettings&) const = default;
};

// "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353". A server on this machine is
// trusted.
std::optional<ServerAddress> parse_server(std::string_view text);

// As resolv.conf(5) says: without a `nameserver` the one at 127.0.0.1; timeout at most 30 s,
// attempts at most 5; the last `search` or `domain` counts. Beyond servers_max servers and
// search_domains_max domains the rest is not asked.
ResolverSettings parse_resolv_conf(std::string_view text);

}  // namespace ringpost::dns
