// From root to the engine's user: see engine_user.h. What is in a folder is given away only while
// the folder is root's: later its user could have put links of any kind into it.
#include "engine/mta/engine_user.h"

#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/process/rights.h"

namespace ringpost::mta {
namespace {

using Result = std::expected<void, Fault>;

constexpr unsigned above_mode = 0711;  // the way to the engine's folders, not what lies beside it
constexpr unsigned depth_max = 8;

std::expected<process::Identity, std::string> identity_of(const std::string& name) {
  errno = 0;
  const passwd* const entry = getpwnam(name.c_str());
  if (entry == nullptr)
    return std::unexpected(fmt::format(
        "started as root, but there is no user {0} for the engine to run as; make it with\n"
        "    useradd --system --no-create-home --home-dir / --shell /usr/sbin/nologin {0}\n"
        "or name another one with `engine user NAME` in the configuration",
        name));
  if (entry->pw_uid == 0)
    return std::unexpected(fmt::format("engine user {} is root: the engine must not be", name));
  const uid_t uid = entry->pw_uid;
  const gid_t gid = entry->pw_gid;
  return process::Identity{uid, gid, process::groups_of(name, uid, gid)};
}

Fault last_fault(std::string_view operation, const std::string& path) {
  return {operation, errno, path};
}

// `file` is a folder of root's. Links to elsewhere, by whatever name, stay as they are.
Result give_content(int file, const std::string& path, const process::Identity& to,
                    unsigned depth) {
  const std::unique_ptr<DIR, decltype(&closedir)> list(fdopendir(dup(file)), &closedir);
  if (!list) return std::unexpected(last_fault("read", path));
  while (const dirent* entry = readdir(list.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const int found = openat(file, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status{};
    Result given;
    const bool known = found >= 0 && fstat(found, &status) == 0;
    const bool wanted =
        known && (S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink == 1));
    if (wanted && fchownat(found, "", to.uid, to.gid, AT_EMPTY_PATH) != 0)
      given = std::unexpected(last_fault("chown", fmt::format("{}/{}", path, name)));
    if (given && wanted && S_ISDIR(status.st_mode) && depth < depth_max) {
      const int inner =
          openat(file, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0) given = give_content(inner, fmt::format("{}/{}", path, name), to, depth + 1);
      if (inner >= 0) close(inner);
    }
    if (found >= 0) close(found);
    if (!given) return given;
  }
  return {};
}

Result give_folder(const std::string& path, const process::Identity& to) {
  const mode_t strict = umask(0777 & ~above_mode);
  const Result made = make_folders(path, above_mode);
  umask(strict);
  if (!made) return made;
  const int file = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return std::unexpected(last_fault("open", path));
  struct stat status{};
  Result given;
  if (fstat(file, &status) != 0) {
    given = std::unexpected(last_fault("stat", path));
  } else if (status.st_uid == 0) {
    given = give_content(file, path, to, 0);
    // Last, so that an interrupted change of hands is done again.
    if (given && fchown(file, to.uid, to.gid) != 0)
      given = std::unexpected(last_fault("chown", path));
  }
  close(file);
  return given;
}

Result give_log(const std::string& path, const process::Identity& to) {
  const int file =
      open(path.c_str(),
           O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
  if (file < 0) return std::unexpected(last_fault("open", path));
  struct stat status{};
  const bool plain = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1;
  Result given;
  if (plain && status.st_uid == 0 && fchown(file, to.uid, to.gid) != 0)
    given = std::unexpected(last_fault("chown", path));
  close(file);
  return given;
}

Result hand_over(const Home& home, const conf::Config& config, const process::Identity& to) {
  if (const Result given = give_folder(home.run, to); !given) return given;
  if (const Result given = give_folder(spool_folder(home, config), to); !given) return given;
  return config.engine.log_path.empty() ? Result{} : give_log(config.engine.log_path, to);
}

// Folders above that root may enter and the engine's user may not.
Result check_reach(const std::string& path) {
  if (access(path.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  return std::unexpected(last_fault("reach", path));
}

}  // namespace

std::expected<void, std::string> become_engine_user(const Home& home, const conf::Config& config) {
  if (geteuid() != 0) return {};
  const auto identity = identity_of(config.engine.user);
  if (!identity) return std::unexpected(identity.error());
  Result done = hand_over(home, config, *identity);
  const pid_t parent = getppid();
  if (done) done = process::become(*identity);
  if (done && !process::die_with_parent(parent)) done = std::unexpected(Fault{"parent", ESRCH});
  if (done) done = check_reach(home.run);
  if (done) done = check_reach(spool_folder(home, config));
  if (!done)
    return std::unexpected(
        fmt::format("cannot run the engine as {}: {}", config.engine.user, to_text(done.error())));
  return {};
}

}  // namespace ringpost::mta
