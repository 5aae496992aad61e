// Whose rights a process has: how a child of root becomes a user for good, and how it makes sure
// that it did. Single-threaded processes only.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include <sys/types.h>

#include "proto/base/fault.h"

namespace ringpost::process {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

// The groups of a system user; `gid` alone when `name` is not the system's name of `uid`: a virtual
// user may be called as somebody who has more rights.
std::vector<gid_t> groups_of(const std::string& name, uid_t uid, gid_t gid);

// Takes on the identity, gives up every way back, and whatever program runs later gains nothing
// from set-user-id files. Whether the process may be dumped stays as it was. Without root it works
// only for who we are already. After a Fault the process must do nothing but report it and end.
std::expected<void, Fault> become(const Identity& identity);

// Ends this process by SIGKILL when its parent ends. Called after become(), which would undo it.
// False: the parent, whose pid was `parent`, has ended already.
bool die_with_parent(pid_t parent);

}  // namespace ringpost::process
