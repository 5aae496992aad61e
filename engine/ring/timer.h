// TimerWheel: many deadlines, most of them cancelled before they pass (idle limits). Arm and disarm
// are O(1). Four levels of 64 slots, one tick 8 ms: deadlines are met at most one tick late, never
// early. Owner: one core. Time comes in as a value; nothing here can fail.
#pragma once

#include <array>
#include <cstdint>

#include "proto/base/check.h"
#include "proto/base/clock.h"

namespace ringpost::ring {

// A caller-owned timer; it must be disarmed (or have fired) before its memory goes, which the
// destructor checks.
class Timer {
 public:
  using Handler = void (*)(Timer&);
  explicit Timer(Handler handler) : handler_(handler) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { CHECK(!armed()); }

  bool armed() const { return next_ != nullptr; }
  Instant deadline() const { return deadline_; }

 private:
  friend class TimerWheel;
  Timer() = default;  // the head of a slot's ring
  Timer* next_ = nullptr;
  Timer* previous_ = nullptr;
  Instant deadline_{};
  Handler handler_ = nullptr;
};

// A Timer that calls a member function of the object that holds it.
template <class Owner, void (Owner::*handler)()>
class TimerOf : public Timer {
 public:
  explicit TimerOf(Owner& owner) : Timer(&TimerOf::dispatch), owner_(owner) {}

 private:
  static void dispatch(Timer& timer) { (static_cast<TimerOf&>(timer).owner_.*handler)(); }
  Owner& owner_;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant now);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms, or moves, `timer`. A deadline in the past fires at the next advance, also when a handler
  // of this advance arms it.
  void arm(Timer& timer, Instant deadline);
  void disarm(Timer& timer);
  // Fires everything that is due at `now`, each once, in slot order; handlers may arm and disarm
  // any timer.
  void advance(Instant now);
  // When advance() should be called next, or `never`: no later than the earliest deadline's tick.
  Instant next() const;

 private:
  static constexpr unsigned slot_bits = 6;
  static constexpr unsigned slots = 1u << slot_bits;
  static constexpr unsigned levels = 4;
  static constexpr std::int64_t tick_ns = 8'000'000;

  void place(Timer& timer);
  void cascade(unsigned level);
  void fire(unsigned slot);
  static void link(Timer& head, Timer& timer);
  void unlink(Timer& timer);
  // Rounded up; the sum is unsigned, so that `never` is merely far away.
  static std::uint64_t tick_of(Instant at) {
    constexpr auto tick = static_cast<std::uint64_t>(tick_ns);
    return (static_cast<std::uint64_t>(at.ns) + tick - 1) / tick;
  }

  std::uint64_t tick_;                            // the last tick that was processed
  std::uint64_t target_;                          // where the present advance ends; else tick_
  Timer wheel_[levels][slots];                    // heads of intrusive rings
  std::array<std::uint64_t, levels> occupied_{};  // one bit per slot that may hold a timer
};

}  // namespace ringpost::ring
