// Programs: what the parent runs on the engine's request and as the engine's user: programs of
// tables. The engine itself may not execute anything.
#pragma once

#include <expected>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "proto/base/fault.h"

namespace ringpost::process {

class Programs {
 public:
  // `words` has the program's path first; `name` is what it is told as its own. Its standard input
  // and output are the descriptors, which stay the caller's. As `user` when we are root; no user
  // then means that nothing is run.
  std::expected<pid_t, Fault> start(const std::vector<std::string>& words, const std::string& name,
                                    const std::string& user, int input, int output);
  // With all of its process group; nothing when it is none of ours.
  void end(pid_t pid);
  void end_all();
  // It has ended by itself: what it left of its group is ended, too. False: none of ours.
  bool ended(pid_t pid);

 private:
  std::set<pid_t> running_;
};

}  // namespace ringpost::process
