// HostFile: the names whose addresses a machine knows by itself: hosts(5), and `localhost` with all
// below it (RFC 6761 6.3). A value; lines and words that are not understood are passed over.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proto/conf/net_address.h"
#include "proto/dns/name.h"

namespace ringpost::dns {

class HostFile {
 public:
  HostFile() = default;
  // Each name, and its aliases, with the addresses of all its lines, in their order.
  static HostFile parse(std::string_view text);

  // Null: the DNS must say. Lives as long as the file.
  const std::vector<conf::NetAddress>* find(const Name& host) const;

 private:
  void take_line(std::string_view line);

  std::unordered_map<std::string, std::vector<conf::NetAddress>> addresses_;
};

}  // namespace ringpost::dns
