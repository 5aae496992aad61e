// From `listen on` lines to addresses: an address, an interface, a host name, or all of the
// machine. Blocks (it may ask the resolver for a host name), so it is for the start, not for a
// core. All errors are reported, each with its line.
#pragma once

#include <vector>

#include "engine/mta/generation.h"
#include "proto/conf/diagnostic.h"
#include "proto/conf/net_address.h"

namespace ringpost::mta {

struct ListenResolution {
  std::vector<ListenAddress> addresses;
  ListenAddress local;  // the local socket
  std::vector<conf::Diagnostic> errors;
};
ListenResolution resolve_listeners(const conf::Config& config);

// What the name service says; none when it fails. May block for as long as it likes.
std::vector<net::Address> addresses_of_host(const std::string& name);

// The addresses of this machine's interfaces: what `from local` means.
std::vector<conf::NetAddress> interface_addresses();

}  // namespace ringpost::mta
