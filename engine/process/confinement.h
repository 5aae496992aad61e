// What a process can no longer do once it has confined itself, beyond the rights of its user:
// system calls (seccomp), paths (Landlock), capabilities, limits. There is no way back.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "proto/base/fault.h"

namespace ringpost::process {

// Of this thread and of what it makes later: nothing is executed, and nothing is written, made,
// renamed or removed but below `writable` (folders that exist; others are passed over) and
// /dev/null. False: this kernel has no Landlock, and nothing has changed.
std::expected<bool, Fault> confine_paths(const std::vector<std::string>& writable);
// Whether something may be written below the absolute `path` as far as confine_paths() goes; true
// when it was never called. Any thread.
bool is_writable_path(const std::string& path);

enum class CallSet : std::uint8_t {
  Engine,  // network, files, threads; rings exist already and no further one can be made
  Keys,    // memory, threads, and the sockets it has
};
// Of all threads of this process. A call that is in no set kills the process (SIGSYS), which its
// parent reports; some that libraries try and can do without fail with ENOSYS or EACCES.
std::expected<void, Fault> confine_calls(CallSet set);

// What no process but the parent ever needs: gaining rights by executing a file. Needs root.
void drop_bounding_capabilities();

}  // namespace ringpost::process
