// Starting programs: see child.h. posix_spawn, because a fork of a process with many threads and
// much memory would stop them for as long as its page tables take to copy.
#include "engine/process/child.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/check.h"

namespace ringpost::process {
namespace {

// A pipe whose ends go when nobody has taken them.
struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (const int end : ends)
      if (end >= 0) close(end);
  }
  bool open() { return pipe2(ends.data(), O_CLOEXEC) == 0; }
  int take(std::size_t end) { return std::exchange(ends[end], -1); }
};

// What the child gets: its ends of the pipes, no blocked signal, a process group.
struct Plan {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};
  Plan(const Pipe& input, const Pipe& output) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input.ends[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, output.ends[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

std::expected<Child, Fault> Child::start(const std::vector<std::string>& words,
                                         const std::string& name, ParentLink* parent) {
  CHECK(!words.empty());
  Pipe input;
  Pipe output;
  if (!input.open() || !output.open()) return std::unexpected(Fault{"pipe", errno});
  for (const int ours : {input.ends[1], output.ends[0]})
    if (fcntl(ours, F_SETFL, O_NONBLOCK) != 0) return std::unexpected(Fault{"fcntl", errno});
  if (parent != nullptr) {
    const auto started = parent->start_program(words, name, input.ends[0], output.ends[1]);
    if (!started) return std::unexpected(started.error());
    return Child(*started, input.take(1), output.take(0), parent);
  }
  std::vector<char*> arguments{const_cast<char*>(name.c_str())};
  for (std::size_t i = 1; i < words.size(); ++i)
    arguments.push_back(const_cast<char*>(words[i].c_str()));
  arguments.push_back(nullptr);
  const Plan plan(input, output);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, words[0].c_str(), &plan.files, &plan.attributes, arguments.data(), environ);
  if (error != 0) return std::unexpected(Fault{"start", error, words[0]});
  return Child(pid, input.take(1), output.take(0), nullptr);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      input_(std::exchange(other.input_, -1)),
      output_(std::exchange(other.output_, -1)),
      parent_(other.parent_) {}

Child::~Child() {
  if (pid_ == 0) return;
  close(input_);
  close(output_);
  if (parent_ != nullptr) {
    parent_->end_program(pid_);
    return;
  }
  kill(-pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace ringpost::process
