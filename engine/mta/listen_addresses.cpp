// Listener addresses: see listen_addresses.h.
#include "engine/mta/listen_addresses.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>

#include "engine/mta/authentications.h"
#include "proto/sasl/scram_keys.h"

namespace ringpost::mta {
namespace {

std::size_t size_of(int family) {
  return family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

bool is_inet(const sockaddr* address) {
  return address != nullptr && (address->sa_family == AF_INET || address->sa_family == AF_INET6);
}

bool family_wanted(conf::Family wanted, int family) {
  return wanted == conf::Family::Any || (wanted == conf::Family::Inet4) == (family == AF_INET);
}

struct Interface {
  std::string name;
  net::Address address;
};

std::vector<Interface> interfaces() {
  ifaddrs* list = nullptr;
  std::vector<Interface> result;
  if (getifaddrs(&list) != 0) return result;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (!is_inet(entry->ifa_addr)) continue;
    const auto address =
        net::Address::from_kernel(entry->ifa_addr, size_of(entry->ifa_addr->sa_family));
    if (address) result.push_back({entry->ifa_name, *address});
  }
  freeifaddrs(list);
  return result;
}

// The wildcard addresses stand for every address, those that come later too; IPv6 only where the
// machine has it.
std::vector<net::Address> all_addresses() {
  std::vector<net::Address> result{*net::Address::parse("0.0.0.0", 0)};
  const auto present = interfaces();
  if (std::ranges::any_of(present, [](const auto& i) { return i.address.family() == AF_INET6; }))
    result.push_back(*net::Address::parse("::", 0));
  return result;
}

std::vector<net::Address> addresses_of(const std::string& source) {
  if (source == "all") return all_addresses();
  std::vector<net::Address> result;
  for (const Interface& interface : interfaces())
    if (interface.name == source && !interface.address.is_link_local())
      result.push_back(interface.address);
  if (!result.empty()) return result;
  if (const auto literal = conf::parse_net_address(source))
    return {*net::Address::parse(conf::to_text(*literal), 0)};
  return addresses_of_host(source);
}

conf::Diagnostic diagnostic_of(const conf::Config& config, const conf::Listener& listener) {
  return config.diagnostic_at(
      listener.position, conf::Severity::Error,
      fmt::format("cannot listen on {}: no such interface, address or host name{}", listener.source,
                  listener.source == "lo0" ? " (the loopback interface of Linux is lo)" : ""));
}

// SCRAM where every row has keys for it: a client takes the best that is offered, and must not fail
// with it.
bool has_scram_keys(const conf::Table* table) {
  if (table == nullptr || table->backend() != conf::TableBackend::Memory || table->size() == 0)
    return false;
  for (std::size_t i = 0; i < table->size(); ++i)
    if (!sasl::parse_scram_keys(credential_in(table->row(i).value))) return false;
  return true;
}

std::string mechanisms_of(const conf::Listener& listener) {
  if (listener.auth == conf::AuthMode::Off) return {};
  return has_scram_keys(listener.credentials) ? "SCRAM-SHA-256 PLAIN LOGIN" : "PLAIN LOGIN";
}

ListenAddress local_listener(const conf::Config& config, const conf::Listener& listener) {
  ListenAddress local;
  local.server_name = config.server_name;
  local.tag = listener.tag;
  local.interface_name = listener.source;
  local.is_socket = true;
  local.withholds_dsn = listener.no_dsn;
  local.masks_source = listener.mask_source;
  return local;
}

// The name that `hostnames` gives to a local address, or else the listener's.
std::string server_name_at(const conf::Config& config, const conf::Listener& listener,
                           const net::Address& address) {
  const auto local = conf::parse_net_address(address.host());
  const std::size_t rows = listener.hostnames == nullptr ? 0 : listener.hostnames->size();
  for (std::size_t i = 0; i < rows; ++i) {
    const conf::TableRow row = listener.hostnames->row(i);
    if (local && conf::parse_net_address(row.key) == local) return std::string(row.value);
  }
  return listener.hostname.empty() ? config.server_name : listener.hostname;
}

ListenAddress listen_address(const conf::Config& config, const conf::Listener& listener,
                             const net::Address& address) {
  ListenAddress result;
  result.address = address;
  result.server_name = server_name_at(config, listener, address);
  result.tag = listener.tag;
  result.interface_name = listener.source;
  result.withholds_dsn = listener.no_dsn;
  result.masks_source = listener.mask_source;
  result.behind_proxy = listener.proxy_v2;
  result.proxies = listener.proxies;
  result.tls_mode = listener.tls;
  result.source = &listener;
  result.auth_mechanisms = mechanisms_of(listener);
  return result;
}

bool is_ours(const net::Address& address, const std::vector<Interface>& present) {
  if (address.family() == AF_INET && address.is_loopback()) return true;  // the whole network is
  return std::ranges::any_of(
      present, [&](const Interface& i) { return i.address.host() == address.host(); });
}

// Of a listener on all addresses, one more for each address of this machine that has a name of its
// own: the kernel prefers it to the wildcard, so no connection need be asked where it came in. What
// another line names belongs to that line.
void add_named_addresses(const conf::Config& config, const conf::Listener& listener,
                         std::vector<ListenAddress>& addresses) {
  if (listener.source != "all" || listener.hostnames == nullptr) return;
  const std::vector<Interface> present = interfaces();
  for (std::size_t i = 0; i < listener.hostnames->size(); ++i) {
    const auto named = conf::parse_net_address(listener.hostnames->row(i).key);
    if (!named) continue;
    const auto address = net::Address::parse(conf::to_text(*named), listener.port);
    if (!address || !family_wanted(listener.family, address->family())) continue;
    if (!is_ours(*address, present)) continue;
    if (std::ranges::find(addresses, *address, &ListenAddress::address) == addresses.end())
      addresses.push_back(listen_address(config, listener, *address));
  }
}

}  // namespace

std::vector<net::Address> addresses_of_host(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<net::Address> result;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return result;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next)
    if (const auto address = net::Address::from_kernel(entry->ai_addr, entry->ai_addrlen))
      result.push_back(*address);
  freeaddrinfo(list);
  return result;
}

std::vector<conf::NetAddress> interface_addresses() {
  std::vector<conf::NetAddress> result;
  for (const Interface& interface : interfaces())
    if (const auto address = conf::parse_net_address(interface.address.host()))
      result.push_back(*address);
  return result;
}

ListenResolution resolve_listeners(const conf::Config& config) {
  ListenResolution result;
  for (const conf::Listener& listener : config.listeners) {
    if (listener.is_socket) {
      result.local = local_listener(config, listener);
      continue;
    }
    std::vector<std::string> seen;
    for (const net::Address& found : addresses_of(listener.source)) {
      if (!family_wanted(listener.family, found.family())) continue;
      const auto address = net::Address::parse(found.host(), listener.port);
      if (!address || std::ranges::find(seen, found.host()) != seen.end()) continue;
      seen.push_back(found.host());
      result.addresses.push_back(listen_address(config, listener, *address));
    }
    if (seen.empty()) result.errors.push_back(diagnostic_of(config, listener));
  }
  for (const conf::Listener& listener : config.listeners)
    add_named_addresses(config, listener, result.addresses);
  return result;
}

}  // namespace ringpost::mta
