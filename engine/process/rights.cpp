// Rights: see rights.h.
#include "engine/process/rights.h"

#include <algorithm>
#include <cerrno>

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/process/confinement.h"

namespace ringpost::process {
namespace {

constexpr int groups_max = 1024;

std::expected<void, Fault> failed(std::string_view operation, int code) {
  return std::unexpected(Fault{operation, code});
}

bool is_identity(const Identity& identity) {
  uid_t user[3];
  gid_t group[3];
  if (getresuid(&user[0], &user[1], &user[2]) != 0) return false;
  if (getresgid(&group[0], &group[1], &group[2]) != 0) return false;
  return std::ranges::all_of(user, [&](uid_t one) { return one == identity.uid; }) &&
         std::ranges::all_of(group, [&](gid_t one) { return one == identity.gid; });
}

// Neither saved ids nor capabilities must lead back.
bool can_return() { return setuid(0) == 0 || setgroups(0, nullptr) == 0; }

}  // namespace

std::vector<gid_t> groups_of(const std::string& name, uid_t uid, gid_t gid) {
  const passwd* const entry = getpwnam(name.c_str());
  if (entry == nullptr || entry->pw_uid != uid) return {gid};
  std::vector<gid_t> groups(groups_max);
  int count = groups_max;
  if (getgrouplist(name.c_str(), gid, groups.data(), &count) < 0) return {gid};
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

std::expected<void, Fault> become(const Identity& identity) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs", errno);
  // What the service manager gave us alone, for ports, is nothing for what is executed.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (geteuid() != 0) {
    if (is_identity(identity)) return {};
    return failed("become a user", EPERM);
  }
  if (identity.uid != 0) drop_bounding_capabilities();
  const int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  if (setgroups(identity.groups.size(), identity.groups.data()) != 0)
    return failed("setgroups", errno);
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0) return failed("setresgid", errno);
  if (setresuid(identity.uid, identity.uid, identity.uid) != 0) return failed("setresuid", errno);
  if (!is_identity(identity) || (identity.uid != 0 && can_return()))
    return failed("become a user", EPERM);
  // The kernel has set it to what is right for programs in general (fs.suid_dumpable).
  prctl(PR_SET_DUMPABLE, dumpable == 1 ? 1 : 0, 0, 0, 0);
  return {};
}

bool die_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  return getppid() == parent;
}

}  // namespace ringpost::process
