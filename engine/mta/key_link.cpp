// Asking the key process: see key_link.h. What a job is told may lead to the next sign() or
// forget(), so nothing of the tables is held across such a call.
#include "engine/mta/key_link.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/key_frame.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t receive_octets = 16 * 1024;
constexpr Duration reconnect_pause = milliseconds(50);

}  // namespace

KeyLink::KeyLink(ring::Core& core, process::ParentLink* parent, Duration answer_max)
    : core_(core), parent_(parent), answer_max_(answer_max), room_(receive_octets) {}

KeyLink::~KeyLink() {
  if (timer_.armed()) core_.timers().disarm(timer_);
  CHECK(socket_ < 0);
}

void KeyLink::sign(tls::SignJob& job, const tls::KeyName& key, std::uint16_t scheme, Bytes input) {
  CHECK(!ids_.contains(&job));
  const std::uint64_t id = ++last_id_;
  Asked asked{.job = &job, .frame = {}, .deadline = core_.now() + answer_max_};
  if (parent_ == nullptr || closing_) {
    asked.error = ENOTSUP;
  } else if (input.size() > process::sign_input_octets_max) {
    asked.error = EMSGSIZE;
  } else {
    asked.frame = process::sign_frame(id, key, scheme, input);
  }
  if (asked.error != 0) asked.deadline = core_.now();
  if (socket_ >= 0 && !broken_) pending_ += asked.frame;
  ids_.emplace(&job, id);
  asked_.emplace(id, std::move(asked));
  if (socket_ < 0 && connect_at_ == never) connect();
  arm_timer();
}

void KeyLink::forget(tls::SignJob& job) {
  const auto found = ids_.find(&job);
  if (found == ids_.end()) return;
  asked_.erase(found->second);
  ids_.erase(found);
}

// Whatever is not answered yet is asked again.
void KeyLink::connect() {
  connect_at_ = never;
  if (parent_ == nullptr || closing_) return;
  const auto socket = parent_->connect_keys();
  if (!socket) {
    connect_at_ = core_.now() + reconnect_pause;
    return;
  }
  socket_ = *socket;
  broken_ = false;
  incoming_.clear();
  pending_.clear();
  for (const auto& [id, asked] : asked_) pending_ += asked.frame;
  receive_more();
  send_more();
}

void KeyLink::send_more() {
  if (socket_ < 0 || broken_ || send_.in_flight()) return;
  if (sent_octets_ == outgoing_.size()) {
    outgoing_.clear();
    sent_octets_ = 0;
    outgoing_.swap(pending_);
  }
  if (outgoing_.empty()) return;
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_send(sqe, socket_, outgoing_.data() + sent_octets_, outgoing_.size() - sent_octets_,
                     MSG_NOSIGNAL | MSG_WAITALL);
  core_.ring().bind(sqe, send_);
}

void KeyLink::sent(ring::Completion completion) {
  if (completion.result <= 0) {
    disconnect();
  } else {
    sent_octets_ += static_cast<std::size_t>(completion.result);
  }
  send_more();
  settle();
}

void KeyLink::receive_more() {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_recv(sqe, socket_, room_.data(), room_.size(), 0);
  core_.ring().bind(sqe, receive_);
}

void KeyLink::received(ring::Completion completion) {
  if (completion.result <= 0) {
    disconnect();
  } else {
    incoming_.append(room_.data(), static_cast<std::size_t>(completion.result));
    if (!broken_) take_replies();
    if (!broken_) receive_more();
  }
  settle();
}

void KeyLink::take_replies() {
  std::string octets = std::move(incoming_);
  incoming_.clear();
  std::string_view left = octets;
  while (!broken_ && left.size() >= process::frame_header_octets) {
    const std::size_t length =
        process::frame_length(bytes_of(left.substr(0, process::frame_header_octets)));
    if (length > process::sign_reply_octets_max) return disconnect();
    if (left.size() < process::frame_header_octets + length) break;
    const auto reply =
        process::decode_sign_reply(bytes_of(left.substr(process::frame_header_octets, length)));
    if (!reply) return disconnect();
    left.remove_prefix(process::frame_header_octets + length);
    if (reply->error != 0) {
      finish(reply->id, std::unexpected(Fault{"sign", reply->error}));
    } else {
      const Bytes signature = bytes_of(reply->signature);
      finish(reply->id, std::vector<std::byte>(signature.begin(), signature.end()));
    }
  }
  incoming_ = std::string(left);
}

void KeyLink::finish(std::uint64_t id, Answer answer) {
  const auto found = asked_.find(id);
  if (found == asked_.end()) return;  // nobody waits any more
  tls::SignJob* const job = found->second.job;
  asked_.erase(found);
  ids_.erase(job);
  job->signature_ready(std::move(answer));
}

void KeyLink::disconnect() {
  if (socket_ < 0 || broken_) return;
  broken_ = true;
  shutdown(socket_, SHUT_RDWR);
}

// The descriptor goes when the kernel has let go of it.
void KeyLink::settle() {
  if (socket_ < 0 || !broken_ || send_.in_flight() || receive_.in_flight()) return;
  ::close(std::exchange(socket_, -1));
  outgoing_.clear();
  sent_octets_ = 0;
  if (!asked_.empty()) connect_at_ = core_.now() + reconnect_pause;
  arm_timer();
}

void KeyLink::arm_timer() {
  Instant next = closing_ ? never : connect_at_;
  for (const auto& [id, asked] : asked_) {
    next = std::min(next, asked.deadline);
    if (asked.error == 0) break;  // the others' deadlines are later
  }
  if (next == never) return;
  if (!timer_.armed() || next < timer_.deadline()) core_.timers().arm(timer_, next);
}

void KeyLink::time_is_up() {
  const Instant now = core_.now();
  if (now >= connect_at_) {
    connect_at_ = never;
    if (socket_ < 0 && !asked_.empty()) connect();
  }
  std::vector<std::uint64_t> over;
  for (const auto& [id, asked] : asked_)
    if (asked.deadline <= now) over.push_back(id);
  for (const std::uint64_t id : over) {
    const auto found = asked_.find(id);
    if (found == asked_.end()) continue;
    const int error = found->second.error != 0 ? found->second.error : ETIMEDOUT;
    finish(id, std::unexpected(Fault{"sign", error}));
  }
  arm_timer();
}

void KeyLink::close() {
  closing_ = true;
  connect_at_ = never;
  asked_.clear();
  ids_.clear();
  if (timer_.armed()) core_.timers().disarm(timer_);
  disconnect();
}

}  // namespace ringpost::mta
