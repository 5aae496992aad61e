// Wheel: see wheel.h.
#include "store/queue/wheel.h"

#include <algorithm>
#include <bit>

namespace ringpost::store {

Wheel::Wheel(Instant origin) : origin_ns_(origin.ns), heads_(levels * slots) {
  for (std::uint32_t i = 0; i < heads_.size(); ++i) heads_[i] = {first_head + i, first_head + i};
}

Tick Wheel::tick_by(Instant time) const {
  if (time.ns <= origin_ns_) return 0;
  const std::int64_t ticks = (time.ns - origin_ns_) >> wheel_tick_shift;
  return static_cast<Tick>(std::min<std::int64_t>(ticks, never_tick));
}

Tick Wheel::tick_at(Instant time) const {
  const Tick tick = tick_by(time);
  return tick != never_tick && begin_of(tick) < time ? tick + 1 : tick;
}

Instant Wheel::begin_of(Tick tick) const {
  return tick == never_tick ? never : Instant{origin_ns_ + tick * wheel_tick.ns};
}

// The level is that of the highest octet in which the tick differs from the present one. So an item
// stands right until the present tick enters its slot, and cascade() moves it then.
std::uint32_t Wheel::slot_for(Tick tick) {
  const Tick at = std::max(tick, current_);
  const Tick difference = at ^ current_;
  const unsigned level =
      difference == 0 ? 0 : (31 - static_cast<unsigned>(std::countl_zero(difference))) / 8;
  const std::uint32_t slot = (at >> (8 * level)) & 0xff;
  marks_[level][slot / 64] |= std::uint64_t{1} << (slot % 64);
  return head_index(level, slot);
}

bool Wheel::is_empty(unsigned level, std::uint32_t slot) const {
  const std::uint32_t head = head_index(level, slot);
  return heads_[head - first_head].next == head;
}

Tick Wheel::next_occupied() const {
  for (unsigned level = 0; level < levels; ++level) {
    const std::uint32_t present = (current_ >> (8 * level)) & 0xff;
    for (std::uint32_t slot = present + 1; slot < slots; ++slot) {
      const std::uint64_t marks = marks_[level][slot / 64] >> (slot % 64);
      if (marks == 0) {
        slot |= 63;
        continue;
      }
      slot += static_cast<std::uint32_t>(std::countr_zero(marks));
      if (is_empty(level, slot)) continue;
      const Tick above =
          level == levels - 1 ? 0 : current_ >> (8 * (level + 1)) << (8 * (level + 1));
      return above | (slot << (8 * level));
    }
  }
  return never_tick;
}

Tick Wheel::next_tick() const {
  for (unsigned level = 0; level < levels; ++level)
    if (!is_empty(level, (current_ >> (8 * level)) & 0xff)) return current_;
  return next_occupied();
}

void Wheel::go_on(Tick now) {
  const std::uint32_t slot = current_ & 0xff;
  marks_[0][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  current_ = std::min(now, next_occupied());
}

}  // namespace ringpost::store
