// NextHop: where mail goes from here when another server takes it, and how to speak with that: the
// destination of an `lmtp` action, or a domain or host of a relay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/address.h"
#include "proto/conf/config.h"
#include "proto/conf/relay_host.h"
#include "store/spool/envelope.h"

namespace ringpost::mta {

// Whether what is said to a server is encrypted.
enum class OutgoingTls : std::uint8_t {
  Never,
  WhenOffered,  // by STARTTLS; whoever the server is, and without where that fails
  Required,     // by STARTTLS
  Implicit,     // from the first octet (RFC 8314 3.3)
};

struct NextHop {
  std::string name;                       // for results and logs, as the configuration has it
  std::optional<net::SocketPath> socket;  // otherwise host and port
  std::string host;                       // a name or a literal without brackets
  std::uint16_t port = 0;
  bool by_mx = false;  // host is a domain: its mail exchangers (RFC 5321 5.1)
  bool lmtp = false;   // RFC 2033 instead of RFC 5321
  OutgoingTls tls = OutgoingTls::Never;
  std::string label = {};  // of the credentials to log in with; empty: none
  std::string hello;       // what EHLO says; empty: the server's name
  // The action that says more of connections: where from, with which name, instead of whom. Empty:
  // none does.
  std::string options_of = {};

  // Names the destination: of two next hops with equal keys connections may be shared.
  std::string key() const;
  static constexpr std::string_view lmtp_prefix = "lmtp:";
  // The domain or host that a key() names, without port and options; a path for a socket.
  static std::string_view host_of_key(std::string_view key);

  // Of an `lmtp` action: "/path/of/socket", "host:port" or "[2001:db8::1]:port", the port a number;
  // without one it is 25, as mail.lmtp has it. Nothing when the text is none of these.
  static std::optional<NextHop> of_lmtp(std::string_view text);
  // Of a relay's `host`.
  static NextHop of_relay(const conf::RelayHost& host);
};

// Where a recipient of `action` goes when that is another server; `attempts` is how many were made:
// the hosts of a relay are taken in turns. Nothing: it is delivered here, or the configuration
// names no host that can be used now.
std::optional<NextHop> next_hop_of(const conf::Action& action, const store::Recipient& recipient,
                                   unsigned attempts);

// The same for a host that the operator names instead, a text as `relay host` has it.
std::optional<NextHop> next_hop_to(const conf::Action& action, std::string_view host);

// Why a recipient of a `relay` action has no next hop; it names the table at fault.
std::string why_no_next_hop(const conf::Action& action, const store::Recipient& recipient);

}  // namespace ringpost::mta
