// The account of the engine: see our_account.h.
#include "engine/mta/our_account.h"

#include <array>

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

namespace ringpost::mta {
namespace {

conf::UserInfo look_up() {
  conf::UserInfo result;
  result.username = fmt::format("{}", geteuid());
  result.uid = geteuid();
  result.gid = getegid();
  result.directory = "/";
  std::array<char, 4096> room;
  passwd record{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &record, room.data(), room.size(), &found) == 0 && found != nullptr) {
    result.username = record.pw_name;
    result.directory = record.pw_dir;
  }
  return result;
}

}  // namespace

const conf::UserInfo& our_account() {
  static const conf::UserInfo account = look_up();
  return account;
}

}  // namespace ringpost::mta
