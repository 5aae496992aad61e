// The parent: the small process that stays as it was started, root if that is who started it. It
// makes the engine and watches it, makes agents for it and binds its sockets; it reads nothing from
// the network, and from the engine only requests of a few fields. It never becomes multi-threaded.
#pragma once

#include <functional>
#include <memory>

#include "engine/process/configurations.h"
#include "engine/process/parent_link.h"

namespace ringpost::process {

struct ParentOptions {
  // The daemon goes to the background: the standard descriptors are let go of when the engine is
  // ready, and one octet is written here to who waits for that. -1: it stays in the foreground.
  int ready_pipe = -1;
  // See Configurations: once for each engine that starts, and whenever the engine asks for it.
  Configurations::Read read_configuration;
};

using EngineRun = std::function<int(std::unique_ptr<ParentLink>)>;

// Has the configuration read and forks; `engine` runs in the child, with the texts of the
// configuration, and the child ends with what it returns, or is killed when the parent ends.
// SIGTERM, SIGINT and SIGHUP, which the caller has blocked, are passed on to it; SIGUSR1, which
// must be blocked, too, when a watched file has changed. An engine that has told that it is ready
// and then crashes is made anew, after a pause that grows from a second to a minute, with the
// listening sockets of the one before. Returns in the parent when the engine has ended in order, at
// the daemon's stop, or before it was ever ready: its exit status, or 1, and a line on stderr and
// in the system's log, when a signal ended it.
int run_parent(const ParentOptions& options, const EngineRun& engine);

}  // namespace ringpost::process
