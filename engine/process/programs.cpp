// Programs as children of the parent: see programs.h.
#include "engine/process/programs.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

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

// In the new process. Nothing that was opened by the parent goes along but its standard error.
[[noreturn]] void run(const PermittedProgram& program, int input, int output, pid_t parent) {
  // Away from the places that they are copied to.
  const int in = fcntl(input, F_DUPFD, 3);
  const int out = fcntl(output, F_DUPFD, 3);
  setpgid(0, 0);
  if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
      close_range(3, ~0u, 0) != 0 || !become_user(program.user) || !die_with_parent(parent))
    _exit(no_start);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  std::vector<char*> arguments{const_cast<char*>(program.name.c_str())};
  for (std::size_t i = 1; i < program.words.size(); ++i)
    arguments.push_back(const_cast<char*>(program.words[i].c_str()));
  arguments.push_back(nullptr);
  execv(program.words[0].c_str(), arguments.data());
  _exit(no_start);
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

void Programs::end(pid_t pid) {
  if (running_.contains(pid)) kill(-pid, SIGKILL);
}

void Programs::end_all() {
  for (const pid_t pid : running_) kill(-pid, SIGKILL);
}

bool Programs::ended(pid_t pid) {
  if (running_.erase(pid) == 0) return false;
  kill(-pid, SIGKILL);
  return true;
}

}  // namespace ringpost::process
