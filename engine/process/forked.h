// The first steps of a process that was forked from the parent.
#pragma once

#include <csignal>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "engine/process/standard_descriptors.h"

namespace ringpost::process {

// Nothing of the parent's stays open but these two and the standard descriptors, which lead
// nowhere; no signal is blocked. Their new numbers.
inline std::pair<int, int> keep_only(int first, int second) {
  constexpr int kept = 3;
  // Away from the places that they are copied to.
  const int one = fcntl(first, F_DUPFD, kept + 2);
  const int two = fcntl(second, F_DUPFD, kept + 2);
  if (one < 0 || two < 0 || dup2(one, kept) < 0 || dup2(two, kept + 1) < 0 ||
      close_range(kept + 2, ~0u, 0) != 0)
    _exit(1);
  leave_standard_descriptors();
  for (const int file : {kept, kept + 1}) fcntl(file, F_SETFD, FD_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  return {kept, kept + 1};
}

// The same with one.
inline int keep_only(int socket) {
  const auto [kept, copy] = keep_only(socket, socket);
  close(copy);
  return kept;
}

}  // namespace ringpost::process
