// Server addresses and resolv.conf(5). Lines and words that are not understood are passed over.
#include "proto/dns/settings.h"

#include <algorithm>

#include "proto/base/ascii.h"
#include "proto/dns/name.h"

namespace ringpost::dns {
namespace {

bool is_loopback(const conf::NetAddress& address) {
  if (address.family == conf::Family::Inet4) return address.octets[0] == 127;
  return address == *conf::parse_net_address("::1");
}

// The next word of a line, which is taken off; empty at its end.
std::string_view take_word(std::string_view& line) {
  line = ascii::trim(line);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

std::optional<std::uint64_t> value_of(std::string_view option, std::string_view name) {
  if (!option.starts_with(name)) return std::nullopt;
  return ascii::parse_decimal(option.substr(name.size()));
}

struct Reading {
  ResolverSettings settings;
  bool trusts_all = false;
};

void take_options(std::string_view line, Reading& reading) {
  for (std::string_view option = take_word(line); !option.empty(); option = take_word(line)) {
    if (option == "trust-ad") reading.trusts_all = true;
    if (const auto s = value_of(option, "timeout:"))
      reading.settings.timeout =
          std::clamp(seconds(static_cast<std::int64_t>(std::min<std::uint64_t>(*s, 3600))),
                     seconds(1), server_timeout_max);
    if (const auto count = value_of(option, "attempts:"))
      reading.settings.attempts =
          static_cast<unsigned>(std::clamp<std::uint64_t>(*count, 1, server_attempts_max));
  }
}

void take_search(std::string_view line, ResolverSettings& settings) {
  settings.search.clear();
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const auto domain = Name::parse(word);
    if (domain && !domain->is_root() && settings.search.size() < search_domains_max)
      settings.search.push_back(domain->text());
  }
}

void take_line(std::string_view line, Reading& reading) {
  if (line.starts_with('#') || line.starts_with(';')) return;
  const std::string_view keyword = take_word(line);
  if (keyword == "options") return take_options(line, reading);
  if (keyword == "search" || keyword == "domain") return take_search(line, reading.settings);
  if (keyword != "nameserver" || reading.settings.servers.size() == servers_max) return;
  const auto address = conf::parse_net_address(take_word(line));
  if (address)
    reading.settings.servers.push_back({.address = *address, .trusted = is_loopback(*address)});
}

}  // namespace

std::optional<ServerAddress> parse_server(std::string_view text) {
  ServerAddress server;
  const std::size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && colon > 0 &&
                        (text[colon - 1] == ']' || text.find(':') == colon);
  if (has_port) {
    const auto port = ascii::parse_decimal<std::uint16_t>(text.substr(colon + 1));
    if (!port || *port == 0) return std::nullopt;
    server.port = *port;
    text = text.substr(0, colon);
  }
  const auto address = conf::parse_net_address(text);
  if (!address) return std::nullopt;
  server.address = *address;
  server.trusted = is_loopback(*address);
  return server;
}

ResolverSettings parse_resolv_conf(std::string_view text) {
  Reading reading;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    take_line(line, reading);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (reading.settings.servers.empty())
    reading.settings.servers.push_back(parse_server("127.0.0.1").value());
  for (ServerAddress& server : reading.settings.servers) server.trusted |= reading.trusts_all;
  return reading.settings;
}

}  // namespace ringpost::dns
