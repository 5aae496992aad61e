// The host of a relay as `host` and `domain` of an action have it:
// [PROTOCOL://[LABEL@]]HOST[:PORT], HOST a name or a literal in brackets (smtpd.conf(5)); and the
// senders of `mail-from`. Pure; what is neither is nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringpost::conf {

enum class RelayProtocol : std::uint8_t {
  Smtp,          // TLS when it is offered
  SmtpStartTls,  // smtp+tls: never without
  SmtpPlain,     // smtp+notls
  Lmtp,
  Smtps,  // TLS from the start
};

struct HostAndPort {
  std::string host;  // a name, or a literal without brackets and without "IPv6:"
  bool is_literal = false;
  std::optional<std::uint16_t> port;  // 1 to 65535
};

// "name", "name:port", "[literal]" or "[literal]:port". What stands in the brackets is not judged.
std::optional<HostAndPort> parse_host_and_port(std::string_view text);

struct RelayHost {
  RelayProtocol protocol = RelayProtocol::Smtp;
  std::string label;  // of the credentials; empty: none
  std::string host;
  bool is_literal = false;
  std::uint16_t port = 0;
};

// LMTP has no port of its own and needs one.
std::optional<RelayHost> parse_relay_host(std::string_view text);

// What `mail-from` puts in the place of senders: an address, "@domain" for its domain alone, or
// "user" for what stands before it. An empty part is kept as it is.
struct SenderPattern {
  std::string local;
  std::string domain;
};
std::optional<SenderPattern> parse_sender_pattern(std::string_view text);

}  // namespace ringpost::conf
