// The listening sockets of a generation: one per core and address (SO_REUSEPORT). Any thread but a
// core's: binding may block for a moment.
#pragma once

#include <expected>
#include <span>
#include <vector>

#include "engine/mta/generation.h"
#include "engine/net/listener.h"
#include "engine/process/parent_link.h"

namespace ringpost::mta {

// By core, then by address. All are bound before any listens, so that a port that is taken changes
// nothing, nor does the parent keep anything then. Ports that only root may bind are bound by
// `parent`, which keeps copies: an engine that follows a crash finds its sockets there. A port that
// is taken is waited for as long as `wait_max`: the kernel may still be taking apart what a killed
// daemon had open.
using SocketsOfCores = std::vector<std::vector<net::BoundSocket>>;
std::expected<SocketsOfCores, Fault> bind_listeners(std::span<const ListenAddress> listeners,
                                                    unsigned cores, process::ParentLink* parent,
                                                    Duration wait_max);
// The parent's copies go: nobody listens there.
void forget_sockets(std::span<const ListenAddress> listeners, process::ParentLink* parent);

}  // namespace ringpost::mta
