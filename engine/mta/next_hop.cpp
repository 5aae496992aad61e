// Next hops: see next_hop.h.
#include "engine/mta/next_hop.h"

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

constexpr std::uint16_t port_default = 25;

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
  next.tls = OutgoingTls::WhenOffered;
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
  return host ? std::optional(NextHop::of_relay(*host)) : std::nullopt;
}

// What a word of the key says of TLS; empty for what is usual.
std::string_view word_of(const NextHop& next) {
  switch (next.tls) {
    case OutgoingTls::Never:
      return next.lmtp ? "" : " notls";
    case OutgoingTls::WhenOffered:
      return "";
    case OutgoingTls::Required:
      return " tls";
    case OutgoingTls::Implicit:
      break;
  }
  return " smtps";
}

bool has_connection_options(const conf::RelaySettings& relay) {
  const bool by_source = relay.sources != nullptr || relay.helo_source != nullptr;
  const bool by_tls = relay.tls_required || !relay.verify || !relay.pki.empty() ||
                      !relay.ca.empty() || !relay.ciphers.empty() || !relay.protocols.empty();
  return by_source || by_tls || relay.auth != nullptr || !relay.backup_name.empty() ||
         relay.filter != nullptr;
}

std::optional<NextHop> with_options(std::optional<NextHop> next, const conf::Action& action) {
  const conf::RelaySettings& relay = action.relay;
  if (!next) return next;
  next->hello = relay.helo;
  if (has_connection_options(relay)) next->options_of = action.name;
  // What has to be encrypted is, whatever a table says of single hosts.
  if (relay.tls_required && next->tls != OutgoingTls::Implicit) next->tls = OutgoingTls::Required;
  return next;
}

}  // namespace

std::string NextHop::key() const {
  return fmt::format("{}{}{}{}{}{}{}{}{}", lmtp ? lmtp_prefix : "", name, word_of(*this),
                     label.empty() ? "" : " login=", label, hello.empty() ? "" : " helo=", hello,
                     options_of.empty() ? "" : " as ", options_of);
}

std::string_view NextHop::host_of_key(std::string_view key) {
  if (key.starts_with(lmtp_prefix)) key.remove_prefix(lmtp_prefix.size());
  key = key.substr(0, key.find(' '));
  const std::size_t colon = key.rfind(':');
  const bool has_port = colon != std::string_view::npos && key.find(']', colon) == key.npos;
  return has_port ? key.substr(0, colon) : key;
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

NextHop NextHop::of_relay(const conf::RelayHost& host) {
  using enum conf::RelayProtocol;
  NextHop result;
  if (host.protocol == Smtps) result.tls = OutgoingTls::Implicit;
  if (host.protocol == SmtpStartTls) result.tls = OutgoingTls::Required;
  // Credentials are for nobody who listens in between.
  if (host.protocol == Smtp)
    result.tls = host.label.empty() ? OutgoingTls::WhenOffered : OutgoingTls::Required;
  result.label = host.label;
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
  return with_options(of_options(action.relay, recipient, attempts), action);
}

std::optional<NextHop> next_hop_to(const conf::Action& action, std::string_view host) {
  if (action.method != conf::Method::Relay) return std::nullopt;
  const auto parsed = conf::parse_relay_host(host);
  return with_options(parsed ? std::optional(NextHop::of_relay(*parsed)) : std::nullopt, action);
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

}  // namespace ringpost::mta
