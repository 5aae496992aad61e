// The Unix sockets of the run folder over a crash of the engine: the parent keeps them as it keeps
// the listening ports, so that who connects meanwhile waits for the engine that follows.
#pragma once

#include <string>

#include "engine/process/parent_link.h"

namespace ringpost::mta {

// What an engine before us has left for `path`, to be closed by the caller; -1: nothing that
// clients would still find there.
int find_kept_socket(const std::string& path, process::ParentLink* parent);
// The engine that follows may have it. A path that is too long for an address is not kept.
void keep_local_socket(const std::string& path, int file, process::ParentLink* parent);

}  // namespace ringpost::mta
