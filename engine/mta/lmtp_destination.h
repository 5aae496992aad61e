// LmtpDestination: where an `lmtp` action delivers: "/path/of/socket", "host:port" or
// "[2001:db8::1]:port", the port a number; without one it is 25, as mail.lmtp has it. Nothing when
// the text is none of these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/address.h"

namespace ringpost::mta {

struct LmtpDestination {
  std::optional<net::SocketPath> socket;  // otherwise host and port
  std::string host;                       // a name or a literal without brackets
  std::uint16_t port = 0;

  static std::optional<LmtpDestination> parse(std::string_view text);
};

}  // namespace ringpost::mta
