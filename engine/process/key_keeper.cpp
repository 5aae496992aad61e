// The key process as its parent sees it: see key_keeper.h.
#include "engine/process/key_keeper.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/process/descriptor_passing.h"
#include "engine/process/forked.h"
#include "engine/process/key_store.h"
#include "engine/process/keys_main.h"

namespace ringpost::process {
namespace {

constexpr Duration sound_after = seconds(10);  // it has lived: the next pause is short again
constexpr Duration pause_min = milliseconds(50);
constexpr Duration pause_max = seconds(30);
constexpr std::size_t outbox_max = keys_max + 4096;

void close_if_open(int file) {
  if (file >= 0) close(file);
}

void refuse(int answer, const std::string& path, int code) {
  const KeyAnswer refusal = std::unexpected(path + ": " + std::strerror(code));
  if (answer < 0) return;
  [[maybe_unused]] const auto told = send_with_descriptor(answer, encode(refusal), -1);
}

}  // namespace

KeyKeeper::~KeyKeeper() {
  let_go();
  for (const Waiting& one : outbox_) close_if_open(one.socket);
}

void KeyKeeper::load(const std::string& path, const std::string& user, int answer, Instant now) {
  user_ = user;
  if (loaded_.size() >= keys_max && !loaded_.contains(path)) {
    refuse(answer, path, ENOSPC);
    return close_if_open(answer);
  }
  loaded_[path] = now;
  put(TakeKey{path, user}, answer, now);
}

void KeyKeeper::serve(int socket, Instant now) {
  // Without a key there is nothing to sign with.
  if (loaded_.empty()) return close_if_open(socket);
  put(ServeSigner{}, socket, now);
}

void KeyKeeper::forget(Instant before, Instant now) {
  std::erase_if(loaded_, [before](const auto& entry) { return entry.second < before; });
  if (socket_ >= 0) put(ForgetKeys{before}, -1, now);
}

void KeyKeeper::put(KeyOrder order, int socket, Instant now) {
  if (outbox_.size() >= outbox_max) return close_if_open(socket);
  outbox_.push_back({std::move(order), socket});
  // One that is about to end is followed by expire(), with the keys it had.
  if (socket_ < 0 && pid_ < 0 && start_at_ == never) start(now);
  flush();
}

void KeyKeeper::start(Instant now) {
  started_ = now;
  start_at_ = never;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    start_at_ = now + pause_max;
    return;
  }
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    serve_keys(keep_only(ends[1]), self);
    _exit(0);
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    start_at_ = now + pause_max;
    return;
  }
  pid_ = pid;
  socket_ = ends[0];
}

bool KeyKeeper::ended(pid_t pid, Instant now) {
  if (pid != pid_) return false;
  pid_ = -1;
  let_go();
  pause_ =
      now - started_ >= sound_after ? pause_min : std::clamp(pause_ + pause_, pause_min, pause_max);
  start_at_ = now + pause_;
  return true;
}

// The keys come before whatever else waits: their names are as good as before.
void KeyKeeper::expire(Instant now) {
  if (now < start_at_) return;
  start(now);
  if (socket_ < 0) return;
  for (const auto& [path, when] : loaded_) outbox_.push_front({TakeKey{path, user_}, -1});
  flush();
}

pollfd KeyKeeper::wish() const {
  return {socket_, static_cast<short>(outbox_.empty() ? 0 : POLLOUT), 0};
}

void KeyKeeper::took(short events, Instant) {
  if ((events & (POLLERR | POLLHUP)) != 0) return let_go();  // SIGCHLD will tell
  if ((events & POLLOUT) != 0) flush();
}

void KeyKeeper::flush() {
  while (socket_ >= 0 && !outbox_.empty() && send_first()) {
    close_if_open(outbox_.front().socket);
    outbox_.pop_front();
  }
}

// False: the process is behind, and it is to be tried again.
bool KeyKeeper::send_first() {
  const Waiting& first = outbox_.front();
  const auto* const take = std::get_if<TakeKey>(&first.order);
  int file = -1;
  if (take != nullptr) {
    file = open(take->path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) {
      refuse(first.socket, take->path, errno);
      return true;
    }
  }
  const std::string datagram = encode(first.order);
  const auto sent = take != nullptr ? send_with_descriptor(socket_, datagram, file, first.socket)
                                    : send_with_descriptor(socket_, datagram, first.socket);
  close_if_open(file);
  return sent.has_value();
}

void KeyKeeper::let_go() { close_if_open(std::exchange(socket_, -1)); }

void KeyKeeper::close_copy() const { close_if_open(socket_); }

void KeyKeeper::stop() {
  start_at_ = never;
  let_go();
}

}  // namespace ringpost::process
