// Core: the loop of one thread. A turn is: wait, run completion handlers, drain the mailbox, fire
// timers, run the hooks at the turn's end, submit everything at once. The clock is read once per
// turn. Everything but post() and stop() belongs to the core's own thread.
#pragma once

#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <vector>

#include "engine/ring/mailbox.h"
#include "engine/ring/ring.h"
#include "engine/ring/timer.h"
#include "proto/base/clock.h"

namespace ringpost::ring {

struct CoreOptions {
  unsigned index = 0;
  RingOptions ring{};
  unsigned completions_per_turn_max = 512;  // so that busy peers cannot starve the timers
};

class Core {
 public:
  // Must be called on the thread that will run the loop.
  static std::expected<std::unique_ptr<Core>, Fault> create(const CoreOptions& options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Runs turns until stop() was called and `finished` (asked once per turn) says that nothing is
  // left to do.
  void run(const std::function<bool()>& finished);
  // From any thread: run() ends as soon as its `finished` agrees.
  void stop();
  // From any thread: `message` is handled by this core, in its thread.
  void post(Message& message);
  // After run(), when nobody posts any more: messages that came too late are dropped. Must be
  // called before what they belong to goes.
  void drop_messages() { mailbox_.drop(); }

  // Called at the end of every turn, in the order in which they were added; for what gathers work
  // over a turn.
  void at_turn_end(std::move_only_function<void()> hook) { hooks_.push_back(std::move(hook)); }
  // Ends the current wait soon: a hook has left work for the next turn.
  void turn_again() { again_ = true; }

  Ring& ring() { return *ring_; }
  TimerWheel& timers() { return *timers_; }
  Instant now() const { return now_; }
  WallTime wall() const { return wall_; }
  unsigned index() const { return options_.index; }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

 private:
  explicit Core(const CoreOptions& options) : options_(options) {}
  void read_clock();
  void turn();
  void wake();
  void arm_wake_up();
  void woken(Completion completion);
  void wake_failed(Completion completion);
  Duration wait_limit() const;

  CoreOptions options_;
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<TimerWheel> timers_;
  Mailbox mailbox_;
  std::vector<std::move_only_function<void()>> hooks_;
  Instant now_{};
  WallTime wall_{};
  bool again_ = false;
  bool ending_ = false;
  std::atomic<bool> stopping_{false};
  int wake_file_ = -1;  // eventfd; written by threads that have no ring
  std::uint64_t wake_count_ = 0;
  OperationOf<Core, &Core::woken> wake_operation_{*this};
  OperationOf<Core, &Core::wake_failed> wake_watcher_{*this};  // for the rings of senders
};

}  // namespace ringpost::ring
