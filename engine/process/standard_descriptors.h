// The standard descriptors of a process that nobody watches lead to /dev/null.
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace ringpost::process {

inline void leave_standard_descriptors() {
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {0, 1, 2}) dup2(nowhere, standard);
  if (nowhere > 2) close(nowhere);
}

// What is opened later must not take the number of one that is closed.
inline void fill_standard_descriptors() {
  int file = 0;
  while (file >= 0 && file <= 2) file = open("/dev/null", O_RDWR);
  if (file > 2) close(file);
}

}  // namespace ringpost::process
