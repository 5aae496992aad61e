// Ways: see find_way.h.
#include "engine/mta/find_way.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/mta/generation.h"
#include "engine/mta/random.h"
#include "engine/mta/resolver.h"
#include "proto/base/ascii.h"
#include "proto/dns/mail_exchangers.h"

namespace ringpost::mta {
namespace {

// What one question of a way may take, with all its retries.
constexpr Duration question_limit = seconds(40);
constexpr std::size_t hops_max = 20;

// Beside our own, the one that `backup mx` says.
std::vector<std::string> own_names(const Generation& generation, const NextHop& next) {
  std::vector<std::string> names{ascii::lower(generation.config.server_name)};
  for (const ListenAddress& listener : generation.listeners)
    names.push_back(ascii::lower(listener.server_name));
  const conf::Action* action = generation.config.find_action(next.options_of);
  if (action != nullptr && !action->relay.backup_name.empty())
    names.push_back(ascii::lower(action->relay.backup_name));
  return names;
}

NoWay no_way(dns::Exchange kind, const std::string& domain, const dns::Answer& answer) {
  switch (kind) {
    case dns::Exchange::NoDomain:
      return {true, "5.1.2", "there is no domain " + domain};
    case dns::Exchange::NoMail:
      return {true, "5.1.10", domain + " takes no mail (null MX)"};
    case dns::Exchange::Loop:
      return {true, "5.4.6", "mail for " + domain + " would come back to us"};
    case dns::Exchange::Later:
    case dns::Exchange::Hosts:
      break;
  }
  return {false, "4.4.3", fmt::format("MX of {}: {}", domain, to_text(answer.failure))};
}

void add_hops(Way& way, const dns::Name& host, const HostAddresses& found, std::uint16_t port) {
  for (const conf::NetAddress& one : found.addresses) {
    const auto address = net::Address::parse(conf::to_text(one), port);
    if (!address || way.hops.size() >= hops_max) continue;
    way.hops.push_back(
        {*address, fmt::format("{}[{}]", host.text(), address->host()), host.text()});
  }
}

NoWay unknown_for_now(const dns::Name& host, const HostAddresses& found) {
  return {false, "4.4.3", fmt::format("addresses of {}: {}", host.text(), to_text(found.failure))};
}

// RFC 8305 4: of a family that leads nowhere the first address costs time, not all of them.
std::vector<conf::NetAddress> by_turns(const std::vector<conf::NetAddress>& addresses) {
  std::vector<conf::NetAddress> first, second, result;
  for (const conf::NetAddress& address : addresses)
    (address.family == addresses.front().family ? first : second).push_back(address);
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) result.push_back(first[i]);
    if (i < second.size()) result.push_back(second[i]);
  }
  return result;
}

// What this machine knows by itself comes first, as for its other programs.
ring::Task<HostAddresses> find_addresses(WorkerParts& parts, dns::Name host) {
  if (const auto* known = parts.generation->host_file.find(host)) {
    HostAddresses result;
    result.outcome = dns::Outcome::Found;
    result.addresses = by_turns(*known);
    co_return result;
  }
  const Instant deadline = parts.core.now() + question_limit;
  HostAddresses found = co_await parts.resolver->find_addresses(std::move(host), deadline);
  found.addresses = by_turns(found.addresses);
  co_return found;
}

bool leads_to_us(const Generation& generation, const HostAddresses& found) {
  return std::ranges::any_of(found.addresses, [&](const conf::NetAddress& address) {
    return is_own_address(generation, address);
  });
}

ring::Task<Way> find_exchangers(WorkerParts& parts, const NextHop& next) {
  Way way;
  const auto domain = dns::Name::parse(next.host);
  if (!domain) {
    way.failure = {true, "5.1.2", next.host + " is no name of a domain"};
    co_return way;
  }
  const Instant deadline = parts.core.now() + question_limit;
  const dns::AnswerPointer mx = co_await parts.resolver->find({*domain, dns::Type::Mx}, deadline);
  const std::vector<std::string> ours = own_names(*parts.generation, next);
  const dns::ExchangePlan plan = dns::plan_exchange(*mx, *domain, ours, random_number());
  if (plan.kind != dns::Exchange::Hosts) {
    way.failure = no_way(plan.kind, next.host, *mx);
    co_return way;
  }
  // A host that does not exist counts as much as none; one that nobody knows of may come back.
  way.failure = {true, "5.4.4", "no mail server of " + next.host + " has an address"};
  std::size_t equals = 0;  // where the hops of this preference begin
  std::uint16_t preference = 0;
  for (const dns::MailExchanger& exchanger : plan.hosts) {
    if (std::exchange(preference, exchanger.preference) != exchanger.preference)
      equals = way.hops.size();
    const HostAddresses found = co_await find_addresses(parts, exchanger.host);
    if (leads_to_us(*parts.generation, found)) {
      // As with a name of ours: only what is preferred to us counts.
      way.hops.resize(equals);
      if (way.failure.permanent) way.failure = no_way(dns::Exchange::Loop, next.host, *mx);
      break;
    }
    add_hops(way, exchanger.host, found, next.port);
    if (found.outcome == dns::Outcome::Failed) way.failure = unknown_for_now(exchanger.host, found);
  }
  co_return way;
}

// The names to try for a host of the configuration.
std::vector<dns::Name> candidates(const Generation& generation, const std::string& host) {
  std::vector<dns::Name> result;
  const auto add = [&](const std::string& text) {
    if (auto name = dns::Name::parse(text)) result.push_back(std::move(*name));
  };
  if (!host.contains('.'))
    for (const std::string& domain : generation.resolver.search) add(host + '.' + domain);
  add(host);
  return result;
}

ring::Task<Way> find_host(WorkerParts& parts, const NextHop& next) {
  Way way;
  way.failure.text = "no address is known for " + next.host;
  if (const auto literal = net::Address::parse(next.host, next.port)) {
    way.hops.push_back({*literal, literal->to_text(), next.host});
    co_return way;
  }
  const std::shared_ptr<const Generation> generation = parts.generation;
  for (const dns::Name& name : candidates(*generation, next.host)) {
    const HostAddresses found = co_await find_addresses(parts, name);
    if (found.outcome == dns::Outcome::Failed) way.failure = unknown_for_now(name, found);
    for (const conf::NetAddress& one : found.addresses) {
      const auto address = net::Address::parse(conf::to_text(one), next.port);
      if (address && way.hops.size() < hops_max)
        way.hops.push_back({*address, address->to_text(), next.host});
    }
    if (found.outcome != dns::Outcome::NoName && found.outcome != dns::Outcome::NoData) break;
  }
  co_return way;
}

}  // namespace

ring::Task<Way> find_way(WorkerParts& parts, const NextHop& next) {
  Way way;
  if (next.socket) {
    way.hops.push_back({*next.socket, next.name, next.name});
    co_return way;
  }
  if (next.by_mx) co_return co_await find_exchangers(parts, next);
  co_return co_await find_host(parts, next);
}

}  // namespace ringpost::mta
