// A command and its three pipes: see run_command.h. Reading, writing and waiting share one poll, so
// a command that neither reads nor writes nor ends cannot hold more than its own time.
#include "engine/process/run_command.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/agent_reply.h"
#include "engine/process/blocking_file.h"
#include "engine/process/rights.h"
#include "engine/ring/clock.h"

namespace ringpost::process {
namespace {

constexpr int exit_os_error = 71;   // sysexits.h EX_OSERR
constexpr int exit_try_again = 75;  // EX_TEMPFAIL
constexpr int signal_base = 128;    // how shells tell a signal as a status
constexpr int poll_wait_max_ms = 1000;

struct Pipe {
  File read;
  File write;
  static std::expected<Pipe, Fault> make() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(Fault{"pipe", errno});
    return Pipe{File(ends[0], "pipe"), File(ends[1], "pipe")};
  }
};

bool set_nonblocking(const File& file) {
  return fcntl(file.descriptor(), F_SETFL, fcntl(file.descriptor(), F_GETFL) | O_NONBLOCK) == 0;
}

// In the new process. What cannot be set up is EX_OSERR: the message is kept. Nobody would end a
// command whose agent was killed, and the message would be given to another one.
[[noreturn]] void become_command(const CommandOrder& order, const Pipe& input, const Pipe& output,
                                 pid_t agent) {
  setsid();
  if (!die_with_parent(agent)) _exit(exit_os_error);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool redirected = dup2(input.read.descriptor(), 0) == 0 &&
                          dup2(output.write.descriptor(), 1) == 1 &&
                          dup2(output.write.descriptor(), 2) == 2;
  if (!redirected) _exit(exit_os_error);
  if (chdir(order.folder.c_str()) != 0 && chdir("/") != 0) _exit(exit_os_error);
  std::vector<char*> environment;
  for (const std::string& entry : order.environment)
    environment.push_back(const_cast<char*>(entry.c_str()));
  environment.push_back(nullptr);
  const char* const arguments[] = {"sh", "-c", order.command.c_str(), nullptr};
  execve("/bin/sh", const_cast<char* const*>(arguments), environment.data());
  _exit(exit_os_error);
}

class RunningCommand {
 public:
  RunningCommand(pid_t pid, File input, File output, Content& content)
      : pid_(pid),
        end_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), "pidfd"),
        input_(std::move(input)),
        output_(std::move(output)),
        content_(content) {}

  // The status of waitpid; a fault when it was killed instead.
  std::expected<int, Fault> attend(Instant deadline) {
    if (end_.descriptor() < 0) return killed({"pidfd_open", errno});
    if (!set_nonblocking(input_) || !set_nonblocking(output_)) return killed({"fcntl", errno});
    while (true) {
      if (const auto fed = feed(); !fed) return killed(fed.error());
      const Duration left = deadline - ring::monotonic_now();
      if (left <= Duration{0}) return killed({"command", ETIMEDOUT});
      pollfd waits[] = {{end_.descriptor(), POLLIN, 0},
                        {output_.descriptor(), POLLIN, 0},
                        {input_.descriptor(), POLLOUT, 0},
                        {content_.socket(), POLLRDHUP, 0}};
      const auto wait = std::min<std::int64_t>(left.milliseconds() + 1, poll_wait_max_ms);
      if (poll(waits, std::size(waits), static_cast<int>(wait)) < 0 && errno != EINTR)
        return killed({"poll", errno});
      if (waits[1].revents != 0) take_output();
      if (waits[0].revents != 0) return ended();
      if (waits[3].revents != 0) return killed({"engine", ECONNABORTED});
    }
  }
  const std::string& output() const { return text_; }

 private:
  // Writes what the pipe takes; the next piece of content is fetched when the last one is written.
  std::expected<void, Fault> feed() {
    while (input_.descriptor() >= 0) {
      if (piece_.empty()) {
        const auto next = content_.next();
        if (!next) return std::unexpected(next.error());
        piece_ = *next;
      }
      if (piece_.empty()) {
        input_ = File();
        return {};
      }
      const ssize_t done = write(input_.descriptor(), piece_.data(), piece_.size());
      if (done < 0 && (errno == EAGAIN || errno == EINTR)) return {};
      // It reads no more: its exit status says whether that was all it wanted.
      if (done < 0) input_ = File();
      if (done > 0) piece_.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
  }

  // What is there is read, so that it can go on, and the first of it kept; but not for as long as
  // there is more: a command that never stops printing could not be ended.
  void take_output() {
    char room[16'384];
    const ssize_t got = read(output_.descriptor(), room, sizeof room);
    if (got == 0) output_ = File();
    if (got <= 0) return;
    text_.append(room, std::min(static_cast<std::size_t>(got), output_octets_max - text_.size()));
  }

  std::expected<int, Fault> ended() {
    if (output_.descriptor() >= 0) take_output();
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0)
      if (errno != EINTR) return std::unexpected(Fault{"waitpid", errno});
    return status;
  }

  std::expected<int, Fault> killed(const Fault& why) {
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);  // it may not have a session of its own yet
    [[maybe_unused]] const auto status = ended();
    return std::unexpected(why);
  }

  pid_t pid_;
  File end_;  // readable when the command has ended
  File input_;
  File output_;
  Content& content_;
  std::string_view piece_;
  std::string text_;
};

std::string with_output(std::string text, const std::string& output) {
  return output.empty() ? text : text + ": " + output;
}

AgentReply reply_for(int status, const std::string& output) {
  if (WIFSIGNALED(status))
    return {AgentStatus::Temporary,
            signal_base + WTERMSIG(status),
            with_output(fmt::format("ended by signal {}", WTERMSIG(status)), output),
            {}};
  const int code = WEXITSTATUS(status);
  if (code == 0) return {AgentStatus::Done, 0, output, {}};
  const bool again = code == exit_os_error || code == exit_try_again;
  return {again ? AgentStatus::Temporary : AgentStatus::Permanent,
          code,
          with_output(fmt::format("exit status {}", code), output),
          {}};
}

}  // namespace

AgentReply run_command(const CommandOrder& order, Content& content) {
  auto input = Pipe::make();
  if (!input) return temporary(input.error());
  auto output = Pipe::make();
  if (!output) return temporary(output.error());
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid < 0) return temporary({"fork", errno});
  if (pid == 0) become_command(order, *input, *output, self);
  input->read = File();
  output->write = File();
  RunningCommand command(pid, std::move(input->write), std::move(output->read), content);
  const auto status = command.attend(ring::monotonic_now() + seconds(order.seconds_max));
  if (status) return reply_for(*status, command.output());
  std::string reason =
      status.error().code == ETIMEDOUT
          ? fmt::format("did not end within {} s and was killed", order.seconds_max)
          : to_text(status.error());
  return {AgentStatus::Temporary,
          status.error().code,
          with_output(std::move(reason), command.output()),
          {}};
}

}  // namespace ringpost::process
