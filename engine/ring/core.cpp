// Core: see core.h.
#include "engine/ring/core.h"

#include <algorithm>
#include <cerrno>

#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/ring/clock.h"

namespace ringpost::ring {
namespace {

// The core whose loop runs on this thread; lets post() wake the target through the sender's own
// ring.
thread_local Core* current_core = nullptr;

constexpr Duration wait_max = seconds(1);
// While stopping, whether a core is finished may depend on the others: it looks again often.
constexpr Duration wait_max_when_stopping = milliseconds(10);

}  // namespace

std::expected<std::unique_ptr<Core>, Fault> Core::create(const CoreOptions& options) {
  std::unique_ptr<Core> self(new Core(options));
  auto ring = Ring::create(options.ring);
  if (!ring) return std::unexpected(ring.error());
  self->ring_ = std::move(*ring);
  self->wake_file_ = eventfd(0, EFD_CLOEXEC);
  if (self->wake_file_ < 0) return std::unexpected(Fault{"eventfd", errno});
  self->read_clock();
  self->timers_ = std::make_unique<TimerWheel>(self->now_);
  self->arm_wake_up();
  return self;
}

Core::~Core() {
  if (ring_ != nullptr) {
    ending_ = true;
    ring_->cancel(wake_operation_);
    while (wake_operation_.in_flight()) {
      ring_->submit_and_wait(milliseconds(100));
      ring_->reap(options_.completions_per_turn_max);
    }
  }
  if (wake_file_ >= 0) close(wake_file_);
}

void Core::read_clock() {
  now_ = monotonic_now();
  wall_ = wall_now();
}

void Core::arm_wake_up() {
  io_uring_sqe* sqe = ring_->entry();
  io_uring_prep_read(sqe, wake_file_, &wake_count_, sizeof wake_count_, 0);
  ring_->bind(sqe, wake_operation_);
}

// While the core ends, a wake-up may come before the read is cancelled: it must not be armed again.
void Core::woken(Completion) {
  if (!ending_) arm_wake_up();
}

Duration Core::wait_limit() const {
  if (again_ || !mailbox_.empty()) return Duration{0};
  const Duration longest = stopping() ? wait_max_when_stopping : wait_max;
  const Instant next = timers_->next();
  if (next == never) return longest;
  return std::clamp(next - now_, Duration{0}, longest);
}

void Core::turn() {
  ring_->submit_and_wait(wait_limit());
  again_ = false;
  read_clock();
  if (ring_->reap(options_.completions_per_turn_max) == options_.completions_per_turn_max)
    again_ = true;
  mailbox_.drain();
  timers_->advance(now_);
  for (auto& hook : hooks_) hook();
}

void Core::run(const std::function<bool()>& finished) {
  current_core = this;
  while (!stopping() || !finished()) turn();
  // The last turn may have prepared wake-ups for other cores.
  ring_->submit_and_wait(Duration{0});
  current_core = nullptr;
}

void Core::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  wake();
}

void Core::wake() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the core is awake already.
  [[maybe_unused]] const ssize_t done = write(wake_file_, &one, sizeof one);
}

void Core::post(Message& message) {
  if (!mailbox_.push(message) || current_core == this) return;
  if (current_core == nullptr) {
    wake();
    return;
  }
  // A completion that nobody waits for ends the target's wait; its turn then drains the mailbox.
  Ring& from = current_core->ring();
  io_uring_sqe* sqe = from.entry();
  io_uring_prep_msg_ring(sqe, ring_->file(), 0, 0, 0);
  from.bind_failure(sqe, wake_watcher_);
}

// On the sender's thread: its ring could not reach ours (no memory for the message, for example).
void Core::wake_failed(Completion) { wake(); }

}  // namespace ringpost::ring
