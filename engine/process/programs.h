// Programs: what the parent runs on the engine's request: the programs of tables, and filters as
// the user, in the group and below the folder of each; the configuration names them, and none runs
// as root. The engine itself may not execute anything.
#pragma once

#include <expected>
#include <map>
#include <set>

#include <sys/types.h>

#include "engine/process/parent_request.h"
#include "engine/process/permissions.h"
#include "proto/base/fault.h"

namespace ringpost::process {

class Programs {
 public:
  // Its standard input and output are the descriptors, which stay the caller's. When we are root
  // and there is no such user, or it is root, nothing is run.
  std::expected<pid_t, Fault> start(const PermittedProgram& program, int input, int output);
  // What comes on `errors` before it could be run is ours: why it could not. The descriptors stay
  // the caller's.
  void start_filter(const StartFilter& request, int socket, int errors);
  void end_filter(const EndFilter& request);
  // With all of its process group; nothing when it is none of ours.
  void end(pid_t pid);
  void end_all();
  // It has ended by itself: what it left of its group is ended, too. False: none of ours.
  bool ended(pid_t pid);

 private:
  std::set<pid_t> running_;
  std::map<std::uint64_t, pid_t> filters_;  // by the engine's number; of those running
};

}  // namespace ringpost::process
