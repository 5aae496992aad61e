// The first steps of a process that was forked from the parent.
#pragma once

#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "engine/process/standard_descriptors.h"

namespace ringpost::process {

// Nothing of the parent's stays open but `socket` and the standard descriptors, which lead nowhere;
// no signal is blocked. The socket's new number.
inline int keep_only(int socket) {
  constexpr int kept = 3;
  if (dup2(socket, kept) != kept || close_range(kept + 1, ~0u, 0) != 0) _exit(1);
  leave_standard_descriptors();
  fcntl(kept, F_SETFD, FD_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  return kept;
}

}  // namespace ringpost::process
