// Programs as children of the parent: see programs.h.
#include "engine/process/programs.h"

#include <cerrno>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "engine/process/filter_program.h"
#include "engine/process/rights.h"

namespace ringpost::process {
namespace {

constexpr std::size_t programs_max = 1024;
constexpr int no_start = 127;  // as the shell has it

bool become_user(const std::string& user) {
  if (geteuid() != 0) return become({geteuid(), getegid(), {}}).has_value();
  const passwd* const entry = user.empty() ? nullptr : getpwnam(user.c_str());
  if (entry == nullptr || entry->pw_uid == 0) return false;
  const uid_t uid = entry->pw_uid;
  const gid_t gid = entry->pw_gid;
  return become({uid, gid, groups_of(user, uid, gid)}).has_value();
}

// With default signals. Returns only when it could not.
void execute(const std::vector<std::string>& words, const std::string& name) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  std::vector<char*> arguments{const_cast<char*>(name.c_str())};
  for (std::size_t i = 1; i < words.size(); ++i)
    arguments.push_back(const_cast<char*>(words[i].c_str()));
  arguments.push_back(nullptr);
  // What the service manager told us alone.
  for (const char* const ours : {"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
                                 "WATCHDOG_USEC", "WATCHDOG_PID"})
    unsetenv(ours);
  execv(words[0].c_str(), arguments.data());
}

// In the new process. Nothing that was opened by the parent goes along but its standard error.
[[noreturn]] void run(const PermittedProgram& program, int input, int output, pid_t parent) {
  // Away from the places that they are copied to.
  const int in = fcntl(input, F_DUPFD, 3);
  const int out = fcntl(output, F_DUPFD, 3);
  setpgid(0, 0);
  if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
      close_range(3, ~0u, 0) != 0 || !become_user(program.user) || !die_with_parent(parent))
    _exit(no_start);
  execute(program.words, program.name);
  _exit(no_start);
}

// To the log, by way of the engine, which reads it as what the filter says.
[[noreturn]] void give_up(std::string_view what, int error) {
  const std::string line = fmt::format("{}: {}\n", what, to_text(Fault{"cannot be run", error}));
  [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, line.data(), line.size());
  _exit(no_start);
}

// As upstream: the group alone, no others of the user's.
Identity identity_of(const FilterProgram& program) {
  if (geteuid() != 0) return {geteuid(), getegid(), {}};
  const passwd* const entry = getpwnam(program.user.c_str());
  if (entry == nullptr) give_up("no user is called \"" + program.user + '"', EINVAL);
  if (entry->pw_uid == 0) give_up("as root", EPERM);
  Identity identity{entry->pw_uid, entry->pw_gid, {entry->pw_gid}};
  if (program.group.empty()) return identity;
  const group* const found = getgrnam(program.group.c_str());
  if (found == nullptr) give_up("no group is called \"" + program.group + '"', EINVAL);
  identity.gid = found->gr_gid;
  identity.groups = {found->gr_gid};
  return identity;
}

[[noreturn]] void run_filter(const FilterProgram& program, int socket, int errors, pid_t parent) {
  const int both = fcntl(socket, F_DUPFD, 3);
  const int said = fcntl(errors, F_DUPFD, 3);
  setpgid(0, 0);
  if (both < 0 || said < 0 || dup2(both, STDIN_FILENO) < 0 || dup2(both, STDOUT_FILENO) < 0 ||
      dup2(said, STDERR_FILENO) < 0 || close_range(3, ~0u, 0) != 0)
    _exit(no_start);
  const Identity identity = identity_of(program);
  if (!program.chroot.empty() && (chroot(program.chroot.c_str()) != 0 || chdir("/") != 0))
    give_up("chroot " + program.chroot, errno);
  if (const auto became = become(identity); !became)
    give_up(became.error().operation, became.error().code);
  if (!die_with_parent(parent)) _exit(no_start);
  const auto words = filter_words(program.command, "");
  if (!words) give_up(words.error(), ENOENT);
  execute(*words, words->front());
  give_up(words->front(), errno);
}

}  // namespace

std::expected<pid_t, Fault> Programs::start(const PermittedProgram& program, int input,
                                            int output) {
  const std::string& path = program.words[0];
  if (running_.size() >= programs_max) return std::unexpected(Fault{"programs", EAGAIN, path});
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid < 0) return std::unexpected(Fault{"fork", errno, path});
  if (pid == 0) run(program, input, output, self);
  setpgid(pid, pid);  // whoever comes first
  running_.insert(pid);
  return pid;
}

void Programs::start_filter(const StartFilter& request, int socket, int errors) {
  if (socket < 0 || errors < 0 || filters_.contains(request.id) || running_.size() >= programs_max)
    return;  // both sockets end at once, which says enough
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid < 0) return;
  if (pid == 0) run_filter(request.program, socket, errors, self);
  setpgid(pid, pid);
  running_.insert(pid);
  filters_.emplace(request.id, pid);
}

void Programs::end_filter(const EndFilter& request) {
  const auto found = filters_.find(request.id);
  if (found != filters_.end()) kill(-found->second, request.kill ? SIGKILL : SIGTERM);
}

void Programs::end(pid_t pid) {
  if (running_.contains(pid)) kill(-pid, SIGKILL);
}

void Programs::end_all() {
  for (const pid_t pid : running_) kill(-pid, SIGKILL);
}

bool Programs::ended(pid_t pid) {
  if (running_.erase(pid) == 0) return false;
  std::erase_if(filters_, [pid](const auto& one) { return one.second == pid; });
  kill(-pid, SIGKILL);
  return true;
}

}  // namespace ringpost::process
