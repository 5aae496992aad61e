// Addresses, ranges of them and keywords; see sink_options.h.
#include "tools/load/sink_options.h"

#include <array>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::load {
namespace {

struct HostAndPort {
  std::string_view host;
  std::uint16_t port = 0;
};

std::expected<HostAndPort, std::string> split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::unexpected(fmt::format("'{}' is not HOST:PORT", text));
  const auto port = ascii::parse_decimal<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0)
    return std::unexpected(fmt::format("'{}' is not an address with a port", text));
  return HostAndPort{text.substr(0, colon), *port};
}

std::optional<std::uint32_t> ipv4_of(std::string_view host) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string(host).c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

bool take_keyword(smtp::Announced& announced, std::string_view word) {
  struct Keyword {
    std::string_view name;
    bool smtp::Announced::* member;
  };
  constexpr std::array keywords{Keyword{"PIPELINING", &smtp::Announced::pipelining},
                                Keyword{"8BITMIME", &smtp::Announced::eight_bit_mime},
                                Keyword{"SMTPUTF8", &smtp::Announced::smtputf8},
                                Keyword{"DSN", &smtp::Announced::dsn},
                                Keyword{"CHUNKING", &smtp::Announced::chunking},
                                Keyword{"SIZE", &smtp::Announced::size}};
  const std::string_view name = word.substr(0, word.find('='));
  for (const Keyword& keyword : keywords)
    if (ascii::equal_ignoring_case(keyword.name, name)) announced.*keyword.member = true;
  if (name.size() == word.size()) return smtp::Announced{} != announced;
  const auto octets = ascii::parse_decimal(word.substr(name.size() + 1));
  if (!ascii::equal_ignoring_case(name, "SIZE") || !octets || *octets == 0) return false;
  announced.size_octets_max = *octets;
  return true;
}

void add(smtp::Announced& sum, const smtp::Announced& one) {
  sum.pipelining |= one.pipelining;
  sum.eight_bit_mime |= one.eight_bit_mime;
  sum.smtputf8 |= one.smtputf8;
  sum.dsn |= one.dsn;
  sum.chunking |= one.chunking;
  sum.size |= one.size;
  if (one.size_octets_max > 0) sum.size_octets_max = one.size_octets_max;
}

}  // namespace

std::expected<net::Address, std::string> parse_target(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::unexpected(parts.error());
  std::string_view host = parts->host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  const auto address = net::Address::parse(host, parts->port);
  if (!address) return std::unexpected(fmt::format("'{}' is not an address with a port", text));
  if (!address->is_loopback())
    return std::unexpected(fmt::format("'{}' is not a loopback address, no other is taken", text));
  return *address;
}

std::expected<std::vector<net::Address>, std::string> parse_listen(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    const auto address = parse_target(text);
    if (!address) return std::unexpected(address.error());
    return std::vector{*address};
  }
  const auto parts = split(text);
  if (!parts) return std::unexpected(parts.error());
  const auto first = ipv4_of(parts->host.substr(0, dash));
  const auto last = ipv4_of(parts->host.substr(std::min(dash + 1, parts->host.size())));
  if (!first || !last || *last < *first)
    return std::unexpected(fmt::format("'{}' is not FIRST-LAST:PORT with IPv4 addresses", text));
  if (*last - *first >= listen_addresses_max)
    return std::unexpected(
        fmt::format("'{}' is more than {} addresses", text, listen_addresses_max));
  std::vector<net::Address> addresses;
  for (std::uint32_t host = *first; host <= *last; ++host) {
    const auto address = parse_target(fmt::format("{}.{}.{}.{}:{}", host >> 24, host >> 16 & 255,
                                                  host >> 8 & 255, host & 255, parts->port));
    if (!address) return std::unexpected(address.error());
    addresses.push_back(*address);
  }
  return addresses;
}

std::expected<smtp::Announced, std::string> parse_announce(std::string_view text) {
  smtp::Announced sum;
  if (text == "none") return sum;
  while (true) {
    const std::string_view word = text.substr(0, text.find(','));
    smtp::Announced one;
    if (ascii::equal_ignoring_case(word, "STARTTLS"))
      return std::unexpected("STARTTLS is announced by --starttls");
    if (!take_keyword(one, word))
      return std::unexpected(fmt::format("'{}' cannot be announced", word));
    add(sum, one);
    if (word.size() == text.size()) return sum;
    text.remove_prefix(word.size() + 1);
  }
}

}  // namespace ringpost::load
