// Next hops: see next_hop.h.
#include "engine/mta/next_hop.h"

#include <fmt/format.h>

#include "engine/mta/address_directory.h"
#include "engine/ring/await.h"
#include "proto/base/ascii.h"

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

}  // namespace

std::string NextHop::key() const {
  return fmt::format("{}{} {} {}", lmtp ? "lmtp " : "", name, port, hello);
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
  if (action.method != conf::Method::Relay || action.relay.hosts == nullptr) return std::nullopt;
  const conf::Table& hosts = *action.relay.hosts;
  if (hosts.size() == 0) return std::nullopt;
  // Messages begin at different hosts, and each retry goes to the next one.
  const std::size_t first = std::hash<std::string>{}(recipient.final_address);
  const auto host = conf::parse_relay_host(hosts.row((first + attempts) % hosts.size()).key);
  if (!host) return std::nullopt;
  auto next = NextHop::of_relay(*host);
  if (next) next->hello = action.relay.helo;
  return next;
}

ring::Task<Way> find_way(WorkerParts& parts, const NextHop& next) {
  Way way;
  if (next.socket) {
    way.hops.push_back({*next.socket, next.name});
    co_return way;
  }
  AwaitedAddresses question(parts.core, next);
  parts.hosts.ask(question);
  co_await question.done;
  way.error = question.error;
  for (const net::Address& address : question.addresses)
    way.hops.push_back({address, address.to_text()});
  co_return way;
}

}  // namespace ringpost::mta
