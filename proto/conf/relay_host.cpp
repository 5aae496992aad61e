// Hosts of relays: see relay_host.h.
#include "proto/conf/relay_host.h"

#include <algorithm>
#include <array>

#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::conf {
namespace {

struct Scheme {
  std::string_view word;
  RelayProtocol protocol;
  std::uint16_t port;  // 0: must be given
};

constexpr std::array schemes = std::to_array<Scheme>({
    {"smtp", RelayProtocol::Smtp, 25},
    {"smtp+tls", RelayProtocol::SmtpStartTls, 25},
    {"smtp+notls", RelayProtocol::SmtpPlain, 25},
    {"lmtp", RelayProtocol::Lmtp, 0},
    {"smtps", RelayProtocol::Smtps, 465},
});

constexpr std::size_t host_octets_max = 255;

bool is_host_octet(char c) { return ascii::is_alnum(c) || c == '-' || c == '.' || c == '_'; }

}  // namespace

std::optional<HostAndPort> parse_host_and_port(std::string_view text) {
  HostAndPort result;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    result.is_literal = true;
    result.host = text.substr(1, close - 1);
    if (ascii::starts_ignoring_case(result.host, "ipv6:")) result.host.erase(0, 5);
    rest = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    result.host = text.substr(0, colon);
    if (!std::ranges::all_of(result.host, is_host_octet)) return std::nullopt;
    rest = text.substr(colon);
  }
  if (result.host.empty() || result.host.size() > host_octets_max) return std::nullopt;
  if (rest.empty()) return result;
  result.port = ascii::parse_decimal<std::uint16_t>(rest.substr(1));
  if (!rest.starts_with(':') || !result.port || *result.port == 0) return std::nullopt;
  return result;
}

std::optional<RelayHost> parse_relay_host(std::string_view text) {
  RelayHost result;
  auto scheme = schemes.begin();
  if (const std::size_t end = text.find("://"); end != std::string_view::npos) {
    const std::string_view word = text.substr(0, end);
    scheme = std::ranges::find_if(
        schemes, [&](const Scheme& known) { return ascii::equal_ignoring_case(known.word, word); });
    if (scheme == schemes.end()) return std::nullopt;
    text.remove_prefix(end + 3);
    if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
      result.label = text.substr(0, at);
      text.remove_prefix(at + 1);
      if (result.label.empty()) return std::nullopt;
    }
  }
  auto place = parse_host_and_port(text);
  if (!place) return std::nullopt;
  result.protocol = scheme->protocol;
  result.host = std::move(place->host);
  result.is_literal = place->is_literal;
  result.port = place->port.value_or(scheme->port);
  if (result.port == 0) return std::nullopt;
  return result;
}

std::optional<SenderPattern> parse_sender_pattern(std::string_view text) {
  if (text.starts_with('@')) {
    auto domain = smtp::parse_domain(text.substr(1));
    if (!domain) return std::nullopt;
    return SenderPattern{{}, std::move(*domain)};
  }
  if (auto whole = smtp::parse_mailbox(text))
    return SenderPattern{std::move(whole->local), std::move(whole->domain)};
  auto part = smtp::parse_mailbox(std::string(text) + "@x");
  if (!part) return std::nullopt;
  return SenderPattern{std::move(part->local), {}};
}

}  // namespace ringpost::conf
