// TimerWheel: see timer.h.
#include "engine/ring/timer.h"

#include <algorithm>
#include <bit>

namespace ringpost::ring {

TimerWheel::TimerWheel(Instant now)
    : tick_(static_cast<std::uint64_t>(now.ns) / static_cast<std::uint64_t>(tick_ns)),
      target_(tick_) {
  for (auto& level : wheel_)
    for (Timer& head : level) head.next_ = head.previous_ = &head;
}

TimerWheel::~TimerWheel() {
  for (auto& level : wheel_) {
    for (Timer& head : level) {
      CHECK(head.next_ == &head);
      head.next_ = nullptr;
    }
  }
}

void TimerWheel::link(Timer& head, Timer& timer) {
  timer.previous_ = head.previous_;
  timer.next_ = &head;
  head.previous_->next_ = &timer;
  head.previous_ = &timer;
}

void TimerWheel::unlink(Timer& timer) {
  timer.previous_->next_ = timer.next_;
  timer.next_->previous_ = timer.previous_;
  timer.next_ = timer.previous_ = nullptr;
}

void TimerWheel::arm(Timer& timer, Instant deadline) {
  if (timer.armed()) unlink(timer);
  // Not within the advance under way: after a long stall, a handler that arms its timer for a time
  // already past would else be called once for every tick of the stall.
  const Instant earliest{static_cast<std::int64_t>(target_ + 1) * tick_ns};
  timer.deadline_ = std::max(deadline, earliest);
  place(timer);
}

void TimerWheel::disarm(Timer& timer) {
  if (timer.armed()) unlink(timer);
}

// The level is the highest at which the deadline's tick differs from the current one: a timer moves
// down each time the wheel above it turns, and fires from level 0.
void TimerWheel::place(Timer& timer) {
  constexpr std::uint64_t horizon = (1ULL << (slot_bits * levels)) - 1;
  const std::uint64_t due = std::min(tick_of(timer.deadline_), tick_ + horizon);
  const unsigned highest = 63u - static_cast<unsigned>(std::countl_zero(due ^ tick_));
  const unsigned level = std::min(highest / slot_bits, levels - 1);
  const auto slot = static_cast<unsigned>(due >> (slot_bits * level)) & (slots - 1);
  link(wheel_[level][slot], timer);
  occupied_[level] |= 1ULL << slot;
}

void TimerWheel::cascade(unsigned level) {
  const auto slot = static_cast<unsigned>(tick_ >> (slot_bits * level)) & (slots - 1);
  if (slot == 0 && level + 1 < levels) cascade(level + 1);
  Timer& head = wheel_[level][slot];
  occupied_[level] &= ~(1ULL << slot);
  while (head.next_ != &head) {
    Timer& timer = *head.next_;
    unlink(timer);
    // A deadline that falls on this very tick has to be reached by the pass over level 0 that
    // follows.
    if (tick_of(timer.deadline_) <= tick_) {
      const auto now_slot = static_cast<unsigned>(tick_) & (slots - 1);
      link(wheel_[0][now_slot], timer);
      occupied_[0] |= 1ULL << now_slot;
    } else {
      place(timer);
    }
  }
}

void TimerWheel::fire(unsigned slot) {
  // Taken off as a whole first: a handler that arms a timer for this slot means the wheel's next
  // round.
  Timer due;
  due.next_ = due.previous_ = &due;
  Timer& head = wheel_[0][slot];
  occupied_[0] &= ~(1ULL << slot);
  while (head.next_ != &head) {
    Timer& timer = *head.next_;
    unlink(timer);
    link(due, timer);
  }
  while (due.next_ != &due) {
    Timer& timer = *due.next_;
    unlink(timer);
    timer.handler_(timer);
  }
  due.next_ = nullptr;
}

void TimerWheel::advance(Instant now) {
  target_ =
      std::max(tick_, static_cast<std::uint64_t>(now.ns) / static_cast<std::uint64_t>(tick_ns));
  while (tick_ < target_) {
    if (std::ranges::all_of(occupied_, [](std::uint64_t bits) { return bits == 0; })) {
      tick_ = target_;
      return;
    }
    // Nothing fires before the wheel above turns.
    if (occupied_[0] == 0) tick_ = std::min(target_ - 1, tick_ | (slots - 1));
    ++tick_;
    const auto slot = static_cast<unsigned>(tick_) & (slots - 1);
    if (slot == 0) cascade(1);
    if (occupied_[0] & (1ULL << slot)) fire(slot);
  }
}

Instant TimerWheel::next() const {
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = slot_bits * level;
    const std::uint64_t position = tick_ >> shift;
    const auto slot = static_cast<unsigned>(position) & (slots - 1);
    // Distance, in slots of this level, to the first occupied slot after the current one (1 … 64).
    const std::uint64_t rotated =
        std::rotr(occupied_[level], static_cast<int>((slot + 1) & (slots - 1)));
    const auto distance = static_cast<std::uint64_t>(std::countr_zero(rotated)) + 1;
    const std::uint64_t due = (position + distance) << shift;
    return Instant{static_cast<std::int64_t>(due) * tick_ns};
  }
  return never;
}

}  // namespace ringpost::ring
