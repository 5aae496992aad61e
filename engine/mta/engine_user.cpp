// From root to the engine's user: see engine_user.h. What is in a folder is given away only while
// the folder is root's: later its user could have put links of any kind into it.
#include "engine/mta/engine_user.h"

#include <cerrno>
#include <memory>
#include <set>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/process/confinement.h"
#include "engine/process/rights.h"

namespace ringpost::mta {
namespace {

using Result = std::expected<void, Fault>;

constexpr unsigned above_mode = 0711;  // the way to the engine's folders, not what lies beside it
constexpr unsigned depth_max = 8;
constexpr std::size_t folders_max = 4096;

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

// The part of a Maildir's path that is the same for all users: the folder that is there already.
std::string fixed_folder(const conf::FormatString& path) {
  std::string fixed = path.text().substr(0, path.text().find('%'));
  if (!fixed.starts_with('/')) return {};
  fixed.resize(fixed.rfind('/'));
  while (!fixed.empty() && access(fixed.c_str(), F_OK) != 0) fixed.resize(fixed.rfind('/'));
  return fixed;
}

// A folder that the engine's user may not write to is no matter of the engine's.
void add_if_ours(std::set<std::string>& folders, const std::string& folder) {
  if (!folder.empty() && access(folder.c_str(), W_OK) == 0) folders.insert(folder);
}

// The homes that a table gives to our own user, as virtual users have them; where the folder of all
// of them is ours, that one.
void add_homes(std::set<std::string>& folders, const conf::Table& users) {
  for (std::size_t i = 0; i < users.size() && folders.size() < folders_max; ++i) {
    const auto user = users.find_user(users.row(i).key);
    if (!user || user->uid != geteuid() || !user->directory.starts_with('/')) continue;
    const std::string above = user->directory.substr(0, user->directory.rfind('/'));
    const bool is_above_ours = !above.empty() && access(above.c_str(), W_OK) == 0;
    const std::string& folder = is_above_ours ? above : user->directory;
    // Also one that is not ours yet: whose it is, is up to the operator.
    if (access(folder.c_str(), F_OK) == 0) folders.insert(folder);
  }
}

// Where its lock file may be written by us: without the lock we could read what others just write.
void add_lock_folder(std::set<std::string>& folders, const std::string& path) {
  struct stat status{};
  if (!path.starts_with('/') || stat(path.c_str(), &status) != 0) return;
  const bool is_folder = S_ISDIR(status.st_mode);
  const std::string folder = is_folder ? path : path.substr(0, path.rfind('/'));
  const std::string lock = path + (is_folder ? "/lock.mdb" : "-lock");
  const bool is_there = access(lock.c_str(), W_OK) == 0;
  if (!folder.empty() && (is_there || access(folder.c_str(), W_OK) == 0)) folders.insert(folder);
}

std::vector<std::string> writable_folders(const Home& home, const conf::Config& config) {
  std::set<std::string> folders{home.run, home.spool, spool_folder(home, config)};
  for (const std::string& log : {config.engine.log_path, home.log})
    if (const auto slash = log.rfind('/'); slash != std::string::npos && slash > 0)
      folders.insert(log.substr(0, slash));
  for (const auto& table : config.tables)
    if (table->backend() == conf::TableBackend::Lmdb)
      add_lock_folder(folders, table->path_or_command());
  for (const auto& action : config.actions) {
    if (action->method != conf::Method::Maildir) continue;
    add_if_ours(folders, fixed_folder(action->path));
    if (action->userbase != nullptr && action->userbase->backend() == conf::TableBackend::Memory)
      add_homes(folders, *action->userbase);
  }
  return {folders.begin(), folders.end()};
}

}  // namespace

std::expected<bool, std::string> confine_engine(const Home& home, const conf::Config& config) {
  for (const std::string& folder : {home.run, home.spool, spool_folder(home, config)})
    if (const Result made = make_folders(folder); !made)
      return std::unexpected(to_text(made.error()));
  auto confined = process::confine_paths(writable_folders(home, config));
  if (confined) return *confined;
  return std::unexpected("cannot confine the engine: " + to_text(confined.error()));
}

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
