// The listening sockets of a generation: one per core and address (SO_REUSEPORT). Any thread but a
// core's: binding may block for a moment.
#pragma once

#include <expected>
#include <span>
#include <vector>

#include "engine/mta/generation.h"
#include "engine/net/listener.h"

namespace ringpost::mta {

// By core, then by address. All are bound before any listens, so that a port that is taken changes
// nothing.
using SocketsOfCores = std::vector<std::vector<net::BoundSocket>>;
std::expected<SocketsOfCores, Fault> bind_listeners(std::span<const ListenAddress> listeners,
                                                    unsigned cores);

}  // namespace ringpost::mta
