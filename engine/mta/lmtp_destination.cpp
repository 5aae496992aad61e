// The destination of an `lmtp` action: see lmtp_destination.h.
#include "engine/mta/lmtp_destination.h"

#include "proto/base/ascii.h"

namespace ringpost::mta {
namespace {

constexpr std::uint16_t port_default = 25;

}  // namespace

std::optional<LmtpDestination> LmtpDestination::parse(std::string_view text) {
  LmtpDestination result;
  if (text.starts_with('/')) {
    result.socket = net::SocketPath::parse(text);
    return result.socket ? std::optional(std::move(result)) : std::nullopt;
  }
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = std::min(text.find(']'), text.size());
    result.host = text.substr(1, close - 1);
    if (ascii::starts_ignoring_case(result.host, "ipv6:")) result.host.erase(0, 5);
    if (close == text.size() || !net::Address::parse(result.host, 0)) return std::nullopt;
    rest = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    result.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (result.host.empty()) return std::nullopt;
  result.port = port_default;
  if (rest.empty()) return result;
  const auto port = ascii::parse_decimal<std::uint16_t>(rest.substr(1));
  if (!rest.starts_with(':') || !port || *port == 0) return std::nullopt;
  result.port = *port;
  return result;
}

}  // namespace ringpost::mta
