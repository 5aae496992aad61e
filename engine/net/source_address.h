// From which of this machine's addresses a connection goes out. None of these calls waits for the
// network.
#pragma once

#include <expected>
#include <optional>

#include "engine/net/address.h"
#include "proto/base/fault.h"

namespace ringpost::net {

// A TCP socket bound to `source`, without a port: connect() chooses one, so that to each target as
// many connections may go as there are ports.
std::expected<int, Fault> socket_from(const Address& source);

// The address that the kernel chooses for a connection to `target`, without a port; nothing when
// there is no way to it.
std::optional<Address> source_toward(const Address& target);

}  // namespace ringpost::net
