// Programs: what the parent runs on the engine's request: the programs of tables, which the
// configuration names. The engine itself may not execute anything.
#pragma once

#include <expected>
#include <set>

#include <sys/types.h>

#include "engine/process/permissions.h"
#include "proto/base/fault.h"

namespace ringpost::process {

class Programs {
 public:
  // Its standard input and output are the descriptors, which stay the caller's. When we are root
  // and there is no such user, or it is root, nothing is run.
  std::expected<pid_t, Fault> start(const PermittedProgram& program, int input, int output);
  // With all of its process group; nothing when it is none of ours.
  void end(pid_t pid);
  void end_all();
  // It has ended by itself: what it left of its group is ended, too. False: none of ours.
  bool ended(pid_t pid);

 private:
  std::set<pid_t> running_;
};

}  // namespace ringpost::process
