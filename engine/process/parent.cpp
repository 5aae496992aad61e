// The parent: see parent.h. The loop waits for signals and for requests of the engine, and nothing
// in it waits for anything else.
#include "engine/process/parent.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/agent_main.h"
#include "engine/process/agent_reply.h"
#include "engine/process/descriptor_passing.h"
#include "engine/process/forked.h"
#include "engine/process/kept_sockets.h"
#include "engine/process/key_keeper.h"
#include "engine/process/notify.h"
#include "engine/process/parent_request.h"
#include "engine/process/programs.h"
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
// Before an engine that crashed is made anew; longer while that goes on.
constexpr Duration pause_min = seconds(1);
constexpr Duration pause_max = seconds(60);
constexpr Duration sound_after = seconds(300);
// While an engine is made anew nobody else speaks to the watchdog of the service manager, which
// would end us and the listening sockets; an engine that hangs at its start is left to it.
constexpr Duration alive_step = seconds(1);
constexpr Duration new_start_max = seconds(600);
constexpr Duration refusal_step = seconds(10);
// More than the queue of a socket holds.
constexpr int remaining_max = 4096;

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

std::string end_of(int status) {
  if (WIFEXITED(status)) return fmt::format("ended with {}", WEXITSTATUS(status));
  return fmt::format("was ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
}

class Parent {
 public:
  Parent(const ParentOptions& options, const EngineRun& engine, const sigset_t& before, int signals)
      : options_(options),
        run_engine_(engine),
        before_(before),
        signals_(signals),
        configurations_(options.read_configuration) {
    sockets_.adopt_passed(passed_sockets());
  }

  int run() {
    prepare_engine();
    while (!status_) turn();
    notify_service_manager("STOPPING=1");
    sockets_.drop_all();
    programs_.end_all();
    keys_.stop();
    end_agents();
    if (WIFEXITED(*status_)) return WEXITSTATUS(*status_);
    tell_operator("the engine " + end_of(*status_));
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
    if (watched_.look(now)) signal_engine(SIGUSR1);
    if (now >= start_at_) prepare_engine();
    if (now >= alive_at_) tell_alive(now);
  }

  // The configuration is read first, by a process of its own.
  void prepare_engine() {
    start_at_ = never;
    started_ = ring::monotonic_now();
    preparing_ = true;
    if (configurations_.is_reading()) return;  // for the engine that has gone: it will do
    if (const auto begun = configurations_.begin(-1); !begun) no_engine(begun.error());
  }

  void configuration_was_read(int status) {
    if (!std::exchange(preparing_, false) || status_.has_value()) return;
    if (configurations_.newest() < 0) {
      tell_operator("the process that reads the configuration " + end_of(status));
      if (configurations_.adopted() < 0) return no_engine({"read configuration", EIO});
    }
    start_engine();
  }

  void start_engine() {
    sockets_.begin_engine();
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
      return no_engine({"socketpair", errno});
    const pid_t self = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      close(ends[0]);
      become_engine(ends[1], self);
    }
    close(ends[1]);
    if (pid < 0) {
      close(ends[0]);
      return no_engine({"fork", errno});
    }
    engine_ = pid;
    socket_ = ends[0];
    questions_ = 0;
  }

  void no_engine(const Fault& fault) {
    preparing_ = false;
    tell_operator(to_text(fault));
    if (!served_) status_ = W_EXITCODE(1, 0);
    start_at_ = started_ + pause_max;
  }

  // Nothing of the parent's stays open in it.
  [[noreturn]] void become_engine(int socket, pid_t parent) const {
    sockets_.close_copies();
    keys_.close_copy();
    close(signals_);
    if (options_.ready_pipe >= 0) close(options_.ready_pipe);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    if (!die_with_parent(parent)) _exit(1);
    const ConfigurationFiles files{configurations_.newest(), configurations_.adopted()};
    std::exit(run_engine_(std::make_unique<ParentLink>(socket, geteuid() == 0, restarts_, files)));
  }

  void tell_alive(Instant now) {
    alive_at_ = now + alive_step;
    if (engine_ > 0 && now - started_ > new_start_max) return;
    notify_service_manager("WATCHDOG=1");
  }

  // A daemon that never served ends with its reason; one that did goes on.
  void engine_ended(int status) {
    take_remaining();
    engine_ = -1;
    if (socket_ >= 0) close(std::exchange(socket_, -1));
    programs_.end_all();
    const bool orderly = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!served_ || stopping_ || orderly) {
      status_ = status;
      return;
    }
    const Instant now = ring::monotonic_now();
    pause_ = now - started_ >= sound_after ? pause_min
                                           : std::clamp(pause_ + pause_, pause_min, pause_max);
    start_at_ = now + pause_;
    alive_at_ = now;
    ++restarts_;
    const std::string text =
        fmt::format("the engine {}; it is made anew in {} s", end_of(status), pause_.seconds());
    tell_operator(text);
    notify_service_manager("STATUS=" + text);
  }

  void signal_engine(int signal) const {
    if (engine_ > 0) kill(engine_, signal);
  }

  // New connections are refused from now on.
  void begin_to_stop() {
    if (!std::exchange(stopping_, true)) notify_service_manager("STOPPING=1");
    sockets_.drop_all();
    if (engine_ <= 0) status_ = 0;
  }

  // Rounded up, so that what is due is due.
  int milliseconds_left() const {
    const Instant next = std::min({keys_.deadline(), watched_.deadline(), start_at_, alive_at_});
    if (next == never) return -1;
    const Duration left = next - ring::monotonic_now();
    return static_cast<int>(std::max<std::int64_t>(left.ns, 0) / 1'000'000) + 1;
  }

  void take_signal() {
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGCHLD) return reap();
    signal_engine(static_cast<int>(info.ssi_signo));
    if (info.ssi_signo != SIGHUP) begin_to_stop();
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == engine_) engine_ended(status);
      if (configurations_.ended(pid, status)) configuration_was_read(status);
      if (programs_.ended(pid)) continue;
      if (keys_.ended(pid, ring::monotonic_now()))
        tell_operator(fmt::format("the key process {}; it is made anew", end_of(status)));
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
      if (!received) return;
      for (const int file : {received->file, received->second})
        if (file >= 0) close_received(file);
      close(std::exchange(socket_, -1));
      return;
    }
    carry_out(Bytes(room).first(received->octets), *received);
  }

  // What an engine said before it died counts: that it served, and which sockets are to be kept.
  // Not what somebody goes on saying whom it gave its end to.
  void take_remaining() {
    pollfd wait{socket_, POLLIN, 0};
    for (int left = remaining_max; left > 0 && wait.fd >= 0; --left) {
      if (poll(&wait, 1, 0) <= 0 || (wait.revents & POLLIN) == 0) return;
      take_request();
      wait.fd = socket_;
    }
  }

  void carry_out(Bytes datagram, const ReceivedDatagram& received) {
    const auto request = decode_request(datagram);
    file_ = received.file;
    second_ = received.second;
    if (request) {
      std::visit([this](const auto& one) { take(one); }, *request);
    } else {
      complain("the engine sent a request that cannot be");
    }
    for (const int file : {file_, second_})
      if (file >= 0) close_received(file);
  }

  // What a request keeps of the descriptors that came with it, it takes out of file_.
  void take(const StartAgent& request) { start_agent(file_, request.user); }
  void take(const BindSocket& request) { bind_socket(file_, request); }
  void take(const ReadConfiguration&) {
    // Its end without a word is the answer when it cannot be read now.
    if (file_ < 0) return;
    [[maybe_unused]] const auto begun = configurations_.begin(std::exchange(file_, -1));
  }
  void take(const AdoptConfiguration&) { configurations_.adopt(); }
  void take(const Ready&) {
    ready();
    sockets_.drop_unused();
  }
  void take(const LoadKey& request) {
    if (!configurations_.permits_key(request.path)) {
      const KeyAnswer no =
          std::unexpected(request.path + ": the configuration does not name this key");
      if (file_ >= 0) [[maybe_unused]]
        const auto told = send_with_descriptor(file_, encode(no), -1);
      return refuse("load the key", request.path);
    }
    const Instant now = ring::monotonic_now();
    watched_.watch(request.path, now);
    keys_.load(request.path, configurations_.keys_user(), std::exchange(file_, -1), now);
  }
  void take(const ConnectKeys&) { keys_.serve(std::exchange(file_, -1), ring::monotonic_now()); }
  void take(const ConnectAuth&) { start_auth(file_); }
  void take(const WatchFile& request) {
    if (!configurations_.permits_watch(request.path)) return refuse("watch", request.path);
    watched_.watch(request.path, ring::monotonic_now());
  }
  void take(const ForgetFiles& request) {
    watched_.forget(request.before);
    keys_.forget(request.before, ring::monotonic_now());
  }
  void take(const KeepSocket& request) {
    if (file_ >= 0 && (is_stream(file_, AF_UNIX) || is_internet_stream(file_)) && !stopping_)
      sockets_.keep(request.address, request.core, std::exchange(file_, -1));
  }
  void take(const FindSocket& request) {
    const int file = sockets_.find(request.address, request.core);
    answer(file < 0 ? ENOENT : 0, file);
  }
  void take(const DropSocket& request) { sockets_.drop(request.address); }
  void take(const Stopping&) { begin_to_stop(); }
  void take(const Alive&) { notify_service_manager("WATCHDOG=1"); }
  void take(const StartProgram& request) {
    const auto* const program = configurations_.find_program(request.name, request.words);
    if (program == nullptr) {
      refuse("start", request.words[0]);
      return answer(-EACCES, -1);
    }
    const auto pid = programs_.start(*program, file_, second_);
    answer(pid ? *pid : -pid.error().code, -1);
  }
  void take(const EndProgram& request) { programs_.end(request.pid); }
  void take(const StartFilter& request) {
    if (!configurations_.permits_filter(request.program))
      return refuse("start the filter", request.program.name);
    programs_.start_filter(request, file_, second_);
  }
  void take(const EndFilter& request) { programs_.end_filter(request); }

  // An honest engine asks for nothing that the configuration does not name, but perhaps for what
  // it named before. One that has been taken over must not fill the system's log.
  void refuse(std::string_view what, const std::string& path) {
    complain(fmt::format("refused to {} {}, which the configuration does not name", what, path));
  }

  // Of the engine.
  void complain(const std::string& text) {
    const Instant now = ring::monotonic_now();
    if (now < refusals_told_until_) return;
    refusals_told_until_ = now + refusal_step;
    tell_operator(text);
  }

  // To a question of the engine's, which waits for it.
  void answer(int number, int file) {
    const ParentAnswer answer{++questions_, number};
    const Bytes octets = std::as_bytes(std::span(&answer, 1));
    [[maybe_unused]] const auto sent = send_with_descriptor(socket_, text_of(octets), file);
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
    answer(code, -1);
  }

  static bool is_stream(int file, int family) {
    int type = 0;
    int domain = 0;
    socklen_t octets = sizeof type;
    return getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &octets) == 0 && type == SOCK_STREAM &&
           getsockopt(file, SOL_SOCKET, SO_DOMAIN, &domain, &octets) == 0 && domain == family;
  }

  // Anything else is not ours to give a name to.
  static bool is_internet_stream(int file) {
    return is_stream(file, AF_INET) || is_stream(file, AF_INET6);
  }

  void ready() {
    served_ = true;
    alive_at_ = never;  // from now on the engine tells
    notify_service_manager("READY=1\nSTATUS=serving");
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
  const EngineRun& run_engine_;
  sigset_t before_;
  pid_t engine_ = -1;
  int socket_ = -1;
  int signals_;
  int file_ = -1;  // of the request that is carried out
  int second_ = -1;
  std::uint32_t questions_ = 0;  // of this engine, that were answered
  bool served_ = false;          // an engine has been ready
  bool stopping_ = false;
  Instant started_{};
  Instant start_at_ = never;
  Instant alive_at_ = never;  // is to be told
  Duration pause_{};
  std::uint64_t restarts_ = 0;
  bool preparing_ = false;  // an engine starts when the configuration was read
  Instant refusals_told_until_{};
  Configurations configurations_;
  KeptSockets sockets_;
  Programs programs_;
  KeyKeeper keys_;
  WatchedFiles watched_;
  std::map<pid_t, uid_t> agents_;
  std::map<uid_t, std::size_t> agents_of_;
  std::optional<int> status_;
};

}  // namespace

int run_parent(const ParentOptions& options, const EngineRun& engine) {
  sigset_t before;
  const sigset_t watched = watched_signals();
  sigprocmask(SIG_BLOCK, &watched, &before);
  // Whoever started us may have it ignored: then no end of a child would ever be told.
  signal(SIGCHLD, SIG_DFL);
  const int signals = signalfd(-1, &watched, SFD_CLOEXEC);
  return Parent(options, engine, before, signals).run();
}

}  // namespace ringpost::process
