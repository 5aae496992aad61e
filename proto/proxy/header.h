// What a proxy says before it passes a client's octets on: the header of the PROXY protocol,
// version 1 (a line) or 2 (binary). No RFC; HAProxy's "The PROXY protocol, versions 1 & 2" is the
// text. Anything that is not exactly such a header is a flaw, and nothing behind it is to be
// believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/conf/net_address.h"

namespace ringpost::proxy {

// A header of version 2 may be 64 KiB long by its format; this leaves room for a client's
// certificate, and lets nobody make us keep more.
inline constexpr std::size_t header_octets_max = 8192;

// On whose behalf the proxy connected.
struct Origin {
  enum class Kind : std::uint8_t {
    Client,  // at `address`
    Proxy,   // its own (LOCAL): a check whether we live
    Nobody,  // it does not say whose, or a Unix socket's (UNKNOWN, UNSPEC, UNIX)
  };
  Kind kind = Kind::Nobody;
  conf::NetAddress address = {};  // never an IPv4-mapped IPv6 address
  std::uint16_t port = 0;

  bool operator==(const Origin&) const = default;
};

enum class Flaw : std::uint8_t {
  NoHeader,  // the octets begin otherwise
  Malformed,
  TooLong,
  Version,   // of the binary header: neither 2 nor a command that it has
  Protocol,  // a combination of family and transport that there is not for a stream
  Checksum,
};
std::string_view to_text(Flaw flaw);

class HeaderReader {
 public:
  // Takes the next octets of the connection as far as they belong to the header, and tells how many
  // that were. Takes nothing once result() is there.
  std::size_t receive(Bytes octets);

  bool done() const { return done_; }
  // Only when done.
  const std::expected<Origin, Flaw>& result() const { return result_; }

 private:
  void octet(char next);
  void finish(std::expected<Origin, Flaw> result);
  void look_at_line();
  void look_at_fixed_part();

  std::string header_;
  std::size_t octets_wanted_ = 0;  // of a binary header, once it has said so
  bool done_ = false;
  std::expected<Origin, Flaw> result_;
};

}  // namespace ringpost::proxy
