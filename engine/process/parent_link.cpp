// The engine's way to its parent: see parent_link.h.
#include "engine/process/parent_link.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/process/descriptor_passing.h"
#include "engine/process/key_frame.h"
#include "engine/ring/clock.h"

namespace ringpost::process {
namespace {

// A key process that has just been made has its user to look up.
constexpr timeval key_patience{.tv_sec = 30, .tv_usec = 0};
// The parent waits for nothing, unless a file system hangs on which it opens a key.
constexpr Duration parent_patience = seconds(30);
// Longer than the process that reads may take.
constexpr timeval reading_patience{.tv_sec = 150, .tv_usec = 0};

std::vector<std::byte> plain(const sockaddr* address, socklen_t octets) {
  const auto* const start = reinterpret_cast<const std::byte*>(address);
  return {start, start + octets};
}

}  // namespace

ParentLink::~ParentLink() {
  forget_configurations();
  close(socket_);
}

void ParentLink::forget_configurations() {
  for (int* const file : {&files_.newest, &files_.adopted})
    if (*file >= 0) close(std::exchange(*file, -1));
}

std::expected<int, Fault> ParentLink::start_agent(const AgentUser& user) {
  if (!privileged_ && user.uid != geteuid())
    return std::unexpected(Fault{"not started as root, cannot act as", EPERM, user.name});
  if (!is_within_limits(StartAgent{user}))
    return std::unexpected(Fault{"cannot act as", EINVAL, user.name});
  return request_with_socket(encode(StartAgent{user}));
}

std::expected<int, Fault> ParentLink::read_configuration() {
  const auto socket = request_with_socket(encode(ReadConfiguration{}), SOCK_SEQPACKET);
  if (!socket) return std::unexpected(socket.error());
  setsockopt(*socket, SOL_SOCKET, SO_RCVTIMEO, &reading_patience, sizeof reading_patience);
  std::array<std::byte, 16> room;
  const auto answer = receive_with_descriptor(*socket, room);
  close(*socket);
  if (!answer) return std::unexpected(Fault{"read configuration", answer.error().code});
  if (answer->file < 0) return std::unexpected(Fault{"read configuration", ECONNRESET});
  return answer->file;
}

void ParentLink::adopt_configuration() { tell(AdoptConfiguration{}); }

std::expected<int, Fault> ParentLink::request_with_socket(std::string_view request, int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
    return std::unexpected(Fault{"socketpair", errno});
  const auto asked = send_with_descriptor(socket_, request, ends[1]);
  close(ends[1]);
  if (asked) return ends[0];
  close(ends[0]);
  return std::unexpected(asked.error());
}

std::expected<void, Fault> ParentLink::bind(int socket, const sockaddr* address, socklen_t octets) {
  if (::bind(socket, address, octets) == 0) return {};
  if (errno != EACCES || !privileged_) return std::unexpected(Fault{"bind", errno});
  const auto answer = ask(BindSocket{plain(address, octets)}, socket, -1);
  if (!answer) return std::unexpected(answer.error());
  if (answer->number != 0) return std::unexpected(Fault{"bind", answer->number});
  return {};
}

std::expected<ParentLink::NumberAndFile, Fault> ParentLink::ask(const ParentRequest& request,
                                                                int file, int second) {
  const std::lock_guard guard(answer_lock_);
  if (const auto asked = send_when_possible(request, file, second); !asked)
    return std::unexpected(asked.error());
  ++questions_;
  const Instant deadline = ring::monotonic_now() + parent_patience;
  while (true) {
    const Duration left = deadline - ring::monotonic_now();
    pollfd wait{socket_, POLLIN, 0};
    if (left.ns <= 0) return std::unexpected(Fault{"parent", ETIMEDOUT});
    if (poll(&wait, 1, static_cast<int>(left.milliseconds()) + 1) <= 0) continue;
    ParentAnswer answer;
    const auto received =
        receive_with_descriptor(socket_, std::as_writable_bytes(std::span(&answer, 1)));
    if (!received) return std::unexpected(received.error());
    if (received->octets != sizeof answer) return std::unexpected(Fault{"parent", EPIPE});
    if (answer.question == questions_) return NumberAndFile{answer.number, received->file};
    if (received->file >= 0) close(received->file);
  }
}

void ParentLink::keep_socket(int socket, const sockaddr* address, socklen_t octets,
                             std::uint32_t core) {
  tell(KeepSocket{plain(address, octets), core}, socket);
}

int ParentLink::find_socket(const sockaddr* address, socklen_t octets, std::uint32_t core) {
  const auto answer = ask(FindSocket{plain(address, octets), core}, -1, -1);
  return answer ? answer->file : -1;
}

void ParentLink::drop_socket(const sockaddr* address, socklen_t octets) {
  tell(DropSocket{plain(address, octets)});
}

std::expected<pid_t, Fault> ParentLink::start_program(const std::vector<std::string>& words,
                                                      const std::string& name, int input,
                                                      int output) {
  const StartProgram request{name, words};
  if (!is_within_limits(request)) return std::unexpected(Fault{"start", E2BIG, words[0]});
  const auto answer = ask(request, input, output);
  if (!answer) return std::unexpected(answer.error());
  if (answer->number <= 0) return std::unexpected(Fault{"start", -answer->number, words[0]});
  return answer->number;
}

void ParentLink::end_program(pid_t pid) { tell(EndProgram{pid}); }

std::expected<ParentLink::FilterEnds, Fault> ParentLink::start_filter(const StartFilter& request) {
  if (!is_within_limits(request))
    return std::unexpected(Fault{"start", E2BIG, request.program.name});
  int both[2];
  int errors[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0)
    return std::unexpected(Fault{"socketpair", errno});
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, errors) != 0) {
    const Fault fault{"socketpair", errno};
    close(both[0]), close(both[1]);
    return std::unexpected(fault);
  }
  const auto asked = send_with_descriptor(socket_, encode(request), both[1], errors[1]);
  close(both[1]), close(errors[1]);
  if (asked) return FilterEnds{both[0], errors[0]};
  close(both[0]), close(errors[0]);
  return std::unexpected(asked.error());
}

void ParentLink::end_filter(const EndFilter& request) { tell(request); }

void ParentLink::tell_stopping() { tell(Stopping{}); }

void ParentLink::tell_alive() {
  // A parent that is behind needs no second word.
  [[maybe_unused]] const auto told = send_with_descriptor(socket_, encode(Alive{}), -1);
}

std::expected<LoadedKey, std::string> ParentLink::load_key(const std::string& path) {
  const LoadKey request{path};
  const auto failed = [&path](std::string_view why) {
    return std::unexpected(fmt::format("{}: {}", path, why));
  };
  if (!is_within_limits(request)) return failed("this cannot be a path");
  const auto socket = request_with_socket(encode(request), SOCK_SEQPACKET);
  if (!socket) return failed(to_text(socket.error()));
  setsockopt(*socket, SOL_SOCKET, SO_RCVTIMEO, &key_patience, sizeof key_patience);
  std::array<std::byte, key_answer_octets_max> room;
  const auto answer = receive_with_descriptor(*socket, room);
  close(*socket);
  if (!answer || answer->octets == 0) return failed("the key process does not answer");
  auto decoded = decode_key_answer(Bytes(room).first(answer->octets));
  if (!decoded) return failed("the key process gives no proper answer");
  return std::move(*decoded);
}

std::expected<int, Fault> ParentLink::connect_keys() {
  return request_with_socket(encode(ConnectKeys{}));
}

std::expected<int, Fault> ParentLink::connect_auth() {
  return request_with_socket(encode(ConnectAuth{}), SOCK_SEQPACKET);
}

void ParentLink::watch_file(const std::string& path) {
  const WatchFile request{path};
  if (is_within_limits(request)) tell(request);
}

void ParentLink::forget_files(Instant before) { tell(ForgetFiles{before}); }

std::expected<void, Fault> ParentLink::send_when_possible(const ParentRequest& request, int file,
                                                          int second) {
  const std::string datagram = encode(request);
  const Instant deadline = ring::monotonic_now() + parent_patience;
  while (true) {
    auto sent = send_with_descriptor(socket_, datagram, file, second);
    const Duration left = deadline - ring::monotonic_now();
    if (sent || sent.error().code != EAGAIN || left.ns <= 0) return sent;
    pollfd wait{socket_, POLLOUT, 0};
    poll(&wait, 1, static_cast<int>(left.milliseconds()) + 1);
  }
}

// An engine whose parent does not listen has nobody else to tell.
void ParentLink::tell(const ParentRequest& request, int file) {
  [[maybe_unused]] const auto told = send_when_possible(request, file, -1);
}

void ParentLink::tell_ready() {
  // Without the parent there is nobody to tell.
  [[maybe_unused]] const auto told = send_with_descriptor(socket_, encode(Ready{}), -1);
}

}  // namespace ringpost::process
