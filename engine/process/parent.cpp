// The parent: see parent.h. The loop waits for signals and for requests of the engine, and nothing
// in it waits for anything else.
#include "engine/process/parent.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/agent_main.h"
#include "engine/process/agent_reply.h"
#include "engine/process/descriptor_passing.h"
#include "engine/process/forked.h"
#include "engine/process/key_keeper.h"
#include "engine/process/parent_request.h"
#include "engine/process/rights.h"
#include "engine/process/watched_files.h"
#include "engine/ring/clock.h"

namespace ringpost::process {
namespace {

constexpr std::size_t agents_max = 8192;
// A user can stop the own agents and so keep them for ever; those of others must not run out of
// places by it.
constexpr std::size_t agents_of_user_max = 1024;
// Agents see the end of the engine by themselves; what still runs after this is killed.
constexpr int agents_end_ms_max = 2000;
constexpr int agents_end_step_ms = 20;

void report(const std::string& text) {
  std::fprintf(stderr, "ringpostd: %s\n", text.c_str());
  openlog("ringpostd", LOG_PID, LOG_MAIL);
  syslog(LOG_CRIT, "%s", text.c_str());
  closelog();
}

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&signals, signal);
  return signals;
}

[[noreturn]] void exec_auth(int socket) {
  std::array<char, 4096> path{};
  const ssize_t octets = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string_view own(path.data(), static_cast<std::size_t>(std::max<ssize_t>(octets, 0)));
  const std::string program = fmt::format("{}/ringpost-auth", own.substr(0, own.rfind('/')));
  const std::string number = fmt::format("{}", socket);
  fcntl(socket, F_SETFD, 0);
  execl(program.c_str(), program.c_str(), number.c_str(), nullptr);
  _exit(1);
}

class Parent {
 public:
  Parent(const ParentOptions& options, pid_t engine, int socket, int signals)
      : options_(options), engine_(engine), socket_(socket), signals_(signals) {}

  int run() {
    while (!status_) turn();
    keys_.stop();
    end_agents();
    if (WIFEXITED(*status_)) return WEXITSTATUS(*status_);
    report(fmt::format("the engine was ended by signal {} ({})", WTERMSIG(*status_),
                       strsignal(WTERMSIG(*status_))));
    return 1;
  }

 private:
  void turn() {
    pollfd waits[] = {{signals_, POLLIN, 0}, {socket_, POLLIN, 0}, keys_.wish()};
    if (poll(waits, std::size(waits), milliseconds_left()) < 0) return;
    const Instant now = ring::monotonic_now();
    if ((waits[0].revents & POLLIN) != 0) take_signal();
    if (waits[1].revents != 0) take_request();
    keys_.took(waits[2].revents, now);
    keys_.expire(now);
    if (watched_.look(now)) kill(engine_, SIGUSR1);
  }

  // Rounded up, so that what is due is due.
  int milliseconds_left() const {
    const Instant next = std::min(keys_.deadline(), watched_.deadline());
    if (next == never) return -1;
    const Duration left = next - ring::monotonic_now();
    return static_cast<int>(std::max<std::int64_t>(left.ns, 0) / 1'000'000) + 1;
  }

  void take_signal() {
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGCHLD) {
      reap();
    } else {
      kill(engine_, static_cast<int>(info.ssi_signo));
    }
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == engine_) status_ = status;
      if (keys_.ended(pid, ring::monotonic_now())) report_keys(status);
      forget(pid);
    }
  }

  void note(pid_t agent, uid_t user) {
    agents_.emplace(agent, user);
    ++agents_of_[user];
  }

  void forget(pid_t agent) {
    const auto found = agents_.find(agent);
    if (found == agents_.end()) return;
    const auto counted = agents_of_.find(found->second);
    if (--counted->second == 0) agents_of_.erase(counted);
    agents_.erase(found);
  }

  bool is_full(uid_t user) const {
    const auto counted = agents_of_.find(user);
    return agents_.size() >= agents_max ||
           (counted != agents_of_.end() && counted->second >= agents_of_user_max);
  }

  void take_request() {
    std::array<std::byte, request_octets_max> room;
    const auto received = receive_with_descriptor(socket_, room);
    if (!received || received->octets == 0) {
      // The engine has closed its end: it is about to go, and SIGCHLD will tell.
      if (received) close(std::exchange(socket_, -1));
      return;
    }
    carry_out(Bytes(room).first(received->octets), *received);
    if (received->second >= 0) close(received->second);
  }

  void carry_out(Bytes datagram, const ReceivedDatagram& received) {
    const auto request = decode_request(datagram);
    int file = received.file;
    const Instant now = ring::monotonic_now();
    if (!request) {
      report("the engine sent a request that cannot be");
    } else if (const auto* agent = std::get_if<StartAgent>(&*request)) {
      start_agent(file, agent->user);
    } else if (const auto* bind = std::get_if<BindSocket>(&*request)) {
      bind_socket(file, *bind);
    } else if (std::holds_alternative<ReadConfiguration>(*request)) {
      read_configuration(file);
    } else if (const auto* load = std::get_if<LoadKey>(&*request)) {
      watched_.watch(load->path, now);
      keys_.load(*load, std::exchange(file, -1), now);
    } else if (std::holds_alternative<ConnectKeys>(*request)) {
      keys_.serve(std::exchange(file, -1), now);
    } else if (std::holds_alternative<ConnectAuth>(*request)) {
      start_auth(file);
    } else if (const auto* watch = std::get_if<WatchFile>(&*request)) {
      watched_.watch(watch->path, now);
    } else if (const auto* files = std::get_if<ForgetFiles>(&*request)) {
      watched_.forget(files->before);
      keys_.forget(files->before, now);
    } else {
      ready();
    }
    if (file >= 0) close(file);
  }

  static void report_keys(int status) {
    report(
        WIFSIGNALED(status)
            ? fmt::format("the key process was ended by signal {} ({}); it is made anew",
                          WTERMSIG(status), strsignal(WTERMSIG(status)))
            : fmt::format("the key process ended with {}; it is made anew", WEXITSTATUS(status)));
  }

  void start_agent(int agent_socket, const AgentUser& user) {
    if (agent_socket < 0) return;
    if (is_full(user.uid)) return answer_for(agent_socket, {"agents", EAGAIN, user.name});
    const pid_t pid = fork();
    if (pid < 0) return answer_for(agent_socket, {"fork", errno});
    if (pid > 0) return note(pid, user.uid);
    serve_as_agent(keep_only(agent_socket), user);
    _exit(0);
  }

  // Its end without a word is the answer when it cannot be made.
  void read_configuration(int socket) {
    if (socket < 0 || is_full(geteuid())) return;
    const pid_t pid = fork();
    if (pid > 0) note(pid, geteuid());
    if (pid != 0) return;
    options_.read_configuration(keep_only(socket));
    _exit(0);
  }

  // Its end without a word is the answer when it cannot be made. It lies beside this program.
  void start_auth(int socket) {
    if (socket < 0 || is_full(geteuid())) return;
    const pid_t pid = fork();
    if (pid > 0) note(pid, geteuid());
    if (pid != 0) return;
    exec_auth(keep_only(socket));
  }

  // No agent could be made: that is the reply to its first order. A new socket has room for it, and
  // one that has not is nothing to wait for.
  static void answer_for(int agent_socket, const Fault& fault) {
    const std::string frame = reply_frame(temporary(fault));
    send(agent_socket, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void bind_socket(int file, const BindSocket& request) {
    int code = EBADF;
    if (file >= 0 && is_internet_stream(file)) {
      sockaddr_storage address{};
      std::memcpy(&address, request.address.data(), request.address.size());
      const bool bound = bind(file, reinterpret_cast<const sockaddr*>(&address),
                              static_cast<socklen_t>(request.address.size())) == 0;
      code = bound ? 0 : errno;
    }
    const std::string_view answer(reinterpret_cast<const char*>(&code), sizeof code);
    [[maybe_unused]] const auto sent = send_with_descriptor(socket_, answer, -1);
  }

  // Anything else is not ours to give a name to.
  static bool is_internet_stream(int file) {
    int type = 0;
    int domain = 0;
    socklen_t octets = sizeof type;
    return getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &octets) == 0 && type == SOCK_STREAM &&
           getsockopt(file, SOL_SOCKET, SO_DOMAIN, &domain, &octets) == 0 &&
           (domain == AF_INET || domain == AF_INET6);
  }

  void ready() {
    if (options_.ready_pipe < 0) return;
    leave_standard_descriptors();
    [[maybe_unused]] const ssize_t told = write(options_.ready_pipe, "r", 1);
    close(std::exchange(options_.ready_pipe, -1));
  }

  void end_agents() {
    for (int waited = 0; !agents_.empty() && waited < agents_end_ms_max;
         waited += agents_end_step_ms) {
      usleep(agents_end_step_ms * 1000);
      reap();
    }
    for (const auto& [agent, user] : agents_) kill(agent, SIGKILL);
  }

  ParentOptions options_;
  pid_t engine_;
  int socket_;
  int signals_;
  KeyKeeper keys_;
  WatchedFiles watched_;
  std::map<pid_t, uid_t> agents_;
  std::map<uid_t, std::size_t> agents_of_;
  std::optional<int> status_;
};

}  // namespace

int run_parent(const ParentOptions& options,
               const std::function<int(std::unique_ptr<ParentLink>)>& engine) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    report(to_text(Fault{"socketpair", errno}));
    return 1;
  }
  sigset_t before;
  const sigset_t watched = watched_signals();
  sigprocmask(SIG_BLOCK, &watched, &before);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) {
    report(to_text(Fault{"fork", errno}));
    return 1;
  }
  if (child == 0) {
    close(ends[0]);
    if (options.ready_pipe >= 0) close(options.ready_pipe);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    if (!die_with_parent(self)) _exit(1);
    std::exit(engine(std::make_unique<ParentLink>(ends[1], geteuid() == 0)));
  }
  close(ends[1]);
  const int signals = signalfd(-1, &watched, SFD_CLOEXEC);
  return Parent(options, child, ends[0], signals).run();
}

}  // namespace ringpost::process
