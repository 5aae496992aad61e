// Next hops: see next_hop.h.
#include "engine/mta/next_hop.h"

#include <fmt/format.h>

#include "engine/mta/address_directory.h"
#include "engine/mta/generation.h"
#include "engine/mta/random.h"
#include "engine/mta/resolver.h"
#include "engine/ring/await.h"
#include "proto/base/ascii.h"
#include "proto/dns/mail_exchangers.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

constexpr std::uint16_t port_default = 25;

struct AwaitedAddresses : AddressQuestion {
  AwaitedAddresses(ring::Core& asker, const NextHop& next)
      : AddressQuestion(&AwaitedAddresses::answered, asker, next.host, next.port) {}
  static void answered(ring::Message& message) {
    static_cast<AwaitedAddresses&>(message).done.set();
  }
  ring::Signal done;
};

// What one question of a way may take, with all its retries.
constexpr Duration question_limit = seconds(40);
constexpr std::size_t hops_max = 20;

std::string domain_of(const store::Recipient& recipient) {
  const auto final = smtp::parse_forward_path(recipient.final_address);
  return final ? ascii::lower(final->mailbox.domain) : std::string();
}

// Mail for an address literal would go wherever its sender says.
std::optional<NextHop> of_domain(const store::Recipient& recipient) {
  std::string domain = domain_of(recipient);
  if (domain.empty() || domain.starts_with('[')) return std::nullopt;
  NextHop next;
  next.name = next.host = std::move(domain);
  next.port = port_default;
  next.by_mx = true;
  return next;
}

// The text that `host` or `domain` has for a recipient; nothing when there is none.
std::optional<std::string_view> host_text(const conf::RelaySettings& relay,
                                          const store::Recipient& recipient, unsigned attempts) {
  if (relay.domains != nullptr) return relay.domains->find(domain_of(recipient));
  if (relay.hosts->size() == 0) return std::nullopt;
  // Messages begin at different hosts, and each retry goes to the next one.
  const std::size_t first = std::hash<std::string>{}(recipient.final_address);
  return relay.hosts->row((first + attempts) % relay.hosts->size()).key;
}

std::optional<NextHop> of_options(const conf::RelaySettings& relay,
                                  const store::Recipient& recipient, unsigned attempts) {
  if (relay.hosts == nullptr && relay.domains == nullptr) return of_domain(recipient);
  const auto text = host_text(relay, recipient, attempts);
  const auto host = text ? conf::parse_relay_host(*text) : std::nullopt;
  return host ? NextHop::of_relay(*host) : std::nullopt;
}

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
  for (const dns::Name& host : plan.hosts) {
    const HostAddresses found =
        co_await parts.resolver->find_addresses(host, parts.core.now() + question_limit);
    add_hops(way, host, found, next.port);
    if (found.outcome == dns::Outcome::Failed)
      way.failure = {false, "4.4.3",
                     fmt::format("addresses of {}: {}", host.text(), to_text(found.failure))};
  }
  co_return way;
}

}  // namespace

std::string NextHop::key() const {
  return fmt::format("{}{}{}{}{}{}", lmtp ? lmtp_prefix : "", name,
                     hello.empty() ? "" : " helo=", hello, options_of.empty() ? "" : " as ",
                     options_of);
}

std::optional<NextHop> NextHop::of_lmtp(std::string_view text) {
  NextHop result;
  result.name = text;
  result.lmtp = true;
  if (text.starts_with('/')) {
    result.socket = net::SocketPath::parse(text);
    return result.socket ? std::optional(std::move(result)) : std::nullopt;
  }
  const auto place = conf::parse_host_and_port(text);
  if (!place) return std::nullopt;
  if (place->is_literal && !net::Address::parse(place->host, 0)) return std::nullopt;
  result.host = place->host;
  result.port = place->port.value_or(port_default);
  return result;
}

std::optional<NextHop> NextHop::of_relay(const conf::RelayHost& host) {
  using enum conf::RelayProtocol;
  if (host.protocol == SmtpStartTls || host.protocol == Smtps) return std::nullopt;
  NextHop result;
  result.host = host.host;
  result.port = host.port;
  result.lmtp = host.protocol == Lmtp;
  result.name = host.is_literal ? fmt::format("[{}]:{}", host.host, host.port)
                                : fmt::format("{}:{}", host.host, host.port);
  return result;
}

std::optional<NextHop> next_hop_of(const conf::Action& action, const store::Recipient& recipient,
                                   unsigned attempts) {
  if (!recipient.target.empty()) return std::nullopt;
  if (action.method == conf::Method::Lmtp) return NextHop::of_lmtp(action.lmtp_destination);
  if (action.method != conf::Method::Relay) return std::nullopt;
  const conf::RelaySettings& relay = action.relay;
  auto next = of_options(relay, recipient, attempts);
  if (!next) return std::nullopt;
  next->hello = relay.helo;
  if (relay.sources != nullptr || relay.helo_source != nullptr || !relay.backup_name.empty())
    next->options_of = action.name;
  return next;
}

std::string why_no_next_hop(const conf::Action& action, const store::Recipient& recipient) {
  const conf::RelaySettings& relay = action.relay;
  const conf::Table* table = relay.domains != nullptr ? relay.domains : relay.hosts;
  if (table == nullptr) return recipient.final_address + " has no domain with mail exchangers";
  const auto text = host_text(relay, recipient, recipient.progress.attempts);
  if (text)
    return fmt::format("table \"{}\" names a host that cannot be used: {}", table->name(), *text);
  if (table->size() == 0) return fmt::format("table \"{}\" is empty", table->name());
  return fmt::format("table \"{}\" has no host for {}", table->name(), domain_of(recipient));
}

ring::Task<Way> find_way(WorkerParts& parts, const NextHop& next) {
  Way way;
  if (next.socket) {
    way.hops.push_back({*next.socket, next.name, next.name});
    co_return way;
  }
  if (next.by_mx) co_return co_await find_exchangers(parts, next);
  AwaitedAddresses question(parts.core, next);
  parts.hosts.ask(question);
  co_await question.done;
  way.failure.text = question.error;
  for (const net::Address& address : question.addresses)
    way.hops.push_back({address, address.to_text(), next.host});
  co_return way;
}

}  // namespace ringpost::mta
