// What the parent gives up before it makes its first process: for itself, and for all that it makes
// and that they run. There is no way back.
#pragma once

#include <expected>

#include "proto/base/fault.h"

namespace ringpost::process {

// Single-threaded. Fewer capabilities, when it is root; nothing that is executed gains rights by
// its file; system calls that nobody of ours needs, and that attack the kernel or other processes,
// fail with EPERM. `filtered`: false leaves the system calls alone, for sanitizers.
std::expected<void, Fault> confine_parent(bool filtered);

// No process of ours leaves a core file, and nobody but root looks into one (ptrace(2),
// /proc/PID/mem): their memory holds mail and passwords. Inherited until something is executed.
void hide_processes();

}  // namespace ringpost::process
