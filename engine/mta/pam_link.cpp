// Questions to PAM on their way: see pam_link.h.
#include "engine/mta/pam_link.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

// How often questions that nobody answers are looked for.
constexpr timeval look_interval{.tv_sec = 1, .tv_usec = 0};
constexpr Duration connect_interval = seconds(1);

}  // namespace

PamLink::PamLink(process::ParentLink* parent) : parent_(parent) {
  if (parent_ != nullptr) thread_ = std::thread([this] { run(); });
}

PamLink::~PamLink() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
    if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
  }
  waiting_.notify_one();
  if (thread_.joinable()) thread_.join();
  disconnect();
}

void PamLink::disconnect() {
  if (socket_ >= 0) close(std::exchange(socket_, -1));
}

void PamLink::fail(PamCheck& check, std::string reason) {
  check.reply.result = sasl::PamResult::Failed;
  check.reply.reason = std::move(reason);
  check.core.post(check);
}

void PamLink::check(PamCheck& check) {
  const std::lock_guard guard(lock_);
  std::string trouble = send(check);
  check.request.password = Secret();
  if (!trouble.empty()) return fail(check, std::move(trouble));
  asked_.emplace(check.request.id, &check);
  waiting_.notify_one();
}

std::string PamLink::send(PamCheck& check) {
  const Instant now = ring::monotonic_now();
  if (asked_.size() >= pam_checks_max) return "too many wait for PAM";
  if (socket_ < 0)
    if (std::string trouble = connect(now); !trouble.empty()) return trouble;
  check.request.id = ++last_id_;
  check.until = now + pam_answer_max;
  const Secret datagram = sasl::encode(check.request);
  const auto send_it = [&] {
    return ::send(socket_, datagram.reveal().data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  };
  ssize_t sent = send_it();
  // It has ended, and the thread, which waits for no answer, has not seen it.
  if (sent < 0 && errno == EPIPE && asked_.empty()) {
    disconnect();
    if (std::string trouble = connect(now); !trouble.empty()) return trouble;
    sent = send_it();
  }
  if (sent >= 0) return {};
  return to_text(Fault{"ask ringpost-auth", errno});
}

std::string PamLink::connect(Instant now) {
  if (parent_ == nullptr) return "there is no parent that starts ringpost-auth";
  if (connected_at_ != Instant{} && now - connected_at_ < connect_interval)
    return "ringpost-auth has ended";
  connected_at_ = now;
  const auto socket = parent_->connect_auth();
  if (!socket) return to_text(socket.error());
  setsockopt(*socket, SOL_SOCKET, SO_RCVTIMEO, &look_interval, sizeof look_interval);
  socket_ = *socket;
  return {};
}

void PamLink::run() {
  std::array<std::byte, sasl::pam_datagram_octets_max> room;
  std::unique_lock guard(lock_);
  while (true) {
    waiting_.wait(guard, [this] { return stopping_ || !asked_.empty(); });
    if (stopping_) return;
    const int socket = socket_;
    guard.unlock();
    const ssize_t received = recv(socket, room.data(), room.size(), 0);
    const int error = received < 0 ? errno : 0;
    guard.lock();
    if (received > 0) take(Bytes(room).first(static_cast<std::size_t>(received)));
    const bool ended = received == 0 || (error != 0 && error != EAGAIN && error != EINTR);
    if (ended && !stopping_ && socket == socket_) {
      disconnect();
      fail_all("ringpost-auth has ended");
    }
    expire(ring::monotonic_now());
  }
}

void PamLink::take(Bytes datagram) {
  auto reply = sasl::decode_pam_reply(datagram);
  if (!reply) return;
  const auto found = asked_.find(reply->id);
  if (found == asked_.end()) return;
  PamCheck& check = *found->second;
  asked_.erase(found);
  check.reply = std::move(*reply);
  check.core.post(check);
}

void PamLink::expire(Instant now) {
  std::erase_if(asked_, [now](const auto& entry) {
    if (entry.second->until > now) return false;
    fail(*entry.second, "PAM gives no answer in time");
    return true;
  });
}

void PamLink::fail_all(const std::string& reason) {
  for (const auto& [id, check] : asked_) fail(*check, reason);
  asked_.clear();
}

}  // namespace ringpost::mta
