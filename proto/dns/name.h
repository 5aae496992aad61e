// Name: a domain name as the DNS has it: labels of any octets. RFC 1035 2.3.4, 4.1.4 and 5.1, RFC
// 4343 (case), RFC 3596 2.5 (ip6.arpa). What is no name, in text or in a message, is nothing.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/conf/net_address.h"

namespace ringpost::dns {

inline constexpr std::size_t name_octets_max = 255;  // on the wire, the root's octet included
inline constexpr std::size_t label_octets_max = 63;
// Compression pointers followed for one name. A name has at most 127 labels, and no sender needs
// more than one pointer for each.
inline constexpr std::size_t pointers_max = 127;

// Always in lower case, so that names that mean the same are equal and have one place in a cache.
class Name {
 public:
  Name() : wire_(1, '\0') {}  // the root

  // "mail.example.com", with or without the dot at its end; "\." and "\046" as in master files. "."
  // is the root.
  static std::optional<Name> parse(std::string_view text);
  // in-addr.arpa or ip6.arpa.
  static Name reverse_of(const conf::NetAddress& address);
  // The name that begins at `at` in a whole message; `at` then stands behind it. Nothing for loops,
  // pointers that do not point backwards, and names that are too long.
  static std::optional<Name> read(Bytes message, std::size_t& at);

  // As parse() takes it, without the dot at the end; "." for the root.
  std::string text() const;
  // Uncompressed, with the root's octet.
  const std::string& wire() const { return wire_; }
  bool is_root() const { return wire_.size() == 1; }
  // Letters, digits, hyphens and underscores only, not the root: what can stand in a log line or a
  // trace field as it is.
  bool is_plain() const;

  auto operator<=>(const Name&) const = default;

 private:
  explicit Name(std::string wire) : wire_(std::move(wire)) {}

  std::string wire_;
};

}  // namespace ringpost::dns
