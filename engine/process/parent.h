// The parent: the small process that stays as it was started, root if that is who started it. It
// makes the engine and watches it, makes agents for it and binds its sockets; it reads nothing from
// the network, and from the engine only requests of a few fields. It never becomes multi-threaded.
#pragma once

#include <functional>
#include <memory>

#include "engine/process/parent_link.h"

namespace ringpost::process {

struct ParentOptions {
  // The daemon goes to the background: the standard descriptors are let go of when the engine is
  // ready, and one octet is written here to who waits for that. -1: it stays in the foreground.
  int ready_pipe = -1;
  // Writes the configuration to a socket, in a process of its own that ends with it.
  std::function<void(int socket)> read_configuration = [](int) {};
};

using EngineRun = std::function<int(std::unique_ptr<ParentLink>)>;

// Forks; `engine` runs in the child, which ends with what it returns, and is killed when the parent
// ends. SIGTERM, SIGINT and SIGHUP, which the caller has blocked, are passed on to it; SIGUSR1,
// which must be blocked, too, when a watched file has changed. An engine that has told that it is
// ready and then crashes is made anew, after a pause that grows from a second to a minute, with the
// listening sockets of the one before. Returns in the parent when the engine has ended in order, at
// the daemon's stop, or before it was ever ready: its exit status, or 1, and a line on stderr and
// in the system's log, when a signal ended it.
int run_parent(const ParentOptions& options, const EngineRun& engine);

}  // namespace ringpost::process
