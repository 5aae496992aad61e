// Rights of other users: see personalities.h. The system calls are made directly: the C library's
// wrappers would change every thread of the process, and it is this thread alone that changes, for
// a moment.
#include "engine/process/personalities.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include "proto/base/check.h"

namespace ringpost::process {
namespace {

// setfsuid and setfsgid do not report failure; asked with an impossible id they tell what is set.
constexpr auto impossible = static_cast<unsigned>(-1);

bool file_rights_are(uid_t user, gid_t group) {
  return static_cast<uid_t>(syscall(SYS_setfsuid, impossible)) == user &&
         static_cast<gid_t>(syscall(SYS_setfsgid, impossible)) == group;
}

std::vector<gid_t> own_groups() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
  const int count = getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, count)));
  return groups;
}

}  // namespace

Personalities::~Personalities() {
  for (const auto& [user, number] : known_) io_uring_unregister_personality(&ring_.raw(), number);
}

std::expected<std::uint16_t, Fault> Personalities::of(uid_t user, gid_t group) {
  if (geteuid() != 0 || (user == 0 && group == getegid())) return std::uint16_t{0};
  const auto found = known_.find({user, group});
  if (found != known_.end()) return found->second;
  auto number = enrol(user, group);
  if (number) known_.emplace(std::pair{user, group}, *number);
  return number;
}

std::expected<std::uint16_t, Fault> Personalities::enrol(uid_t user, gid_t group) {
  const std::vector<gid_t> groups = own_groups();
  if (syscall(SYS_setgroups, 1, &group) != 0) return std::unexpected(Fault{"setgroups", errno});
  syscall(SYS_setfsgid, group);
  syscall(SYS_setfsuid, user);
  const bool changed = file_rights_are(user, group);
  const int number = changed ? io_uring_register_personality(&ring_.raw()) : -EPERM;
  syscall(SYS_setfsuid, geteuid());
  syscall(SYS_setfsgid, getegid());
  // Without our own rights back nothing that follows could be trusted.
  CHECK(syscall(SYS_setgroups, groups.size(), groups.data()) == 0);
  CHECK(file_rights_are(geteuid(), getegid()));
  if (number <= 0) return std::unexpected(Fault{"io_uring_register_personality", -number});
  return static_cast<std::uint16_t>(number);
}

}  // namespace ringpost::process
