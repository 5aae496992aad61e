// Wheel: which of millions of items comes first in time, at constant cost for each. Four levels of
// 256 slots; an item moves at most three times before it is due. Time is cut into ticks of 67 ms,
// and nothing is due too early. Good for nine years from its origin. Cannot fail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/base/clock.h"
#include "store/queue/links.h"

namespace ringpost::store {

using Tick = std::uint32_t;
inline constexpr Tick never_tick = 0xffff'ffffu;
inline constexpr unsigned wheel_tick_shift = 26;
inline constexpr Duration wheel_tick{std::int64_t{1} << wheel_tick_shift};

class Wheel {
 public:
  explicit Wheel(Instant origin);

  // The first tick that begins at `time` or later, and the last one that began by then.
  Tick tick_at(Instant time) const;
  Tick tick_by(Instant time) const;
  Instant begin_of(Tick tick) const;

  // `items.link(i)` and `items.tick(i)` give the Link and the tick of an item. An item is in no
  // wheel, or in one. Insertion keeps the order of items with the same tick.
  template <class Items>
  void insert(std::uint32_t item, Items&& items) {
    push_back(slot_for(items.tick(item)), item, items);
  }
  template <class Items>
  void erase(std::uint32_t item, Items&& items) {
    Link& link = items.link(item);
    link_of(link.previous, items).next = link.next;
    link_of(link.next, items).previous = link.previous;
    link = {};
  }
  // Takes out an item whose tick is `now` or earlier, in the order of ticks; no_item: there is
  // none, or `steps` are used up. A step is an item looked at.
  template <class Items>
  std::uint32_t take(Tick now, std::size_t& steps, Items&& items) {
    while (true) {
      if (!cascade(steps, items)) return no_item;
      const std::uint32_t due = head_index(0, current_ & 0xff);
      const std::uint32_t item = heads_[due - first_head].next;
      if (item != due) {
        if (steps == 0) return no_item;
        --steps;
        erase(item, items);
        return item;
      }
      if (current_ >= now) return no_item;
      go_on(now);
    }
  }
  // No item is due before that tick, but those that take() has not reached yet; it may be a little
  // early. never_tick: there is none.
  Tick next_tick() const;

 private:
  static constexpr unsigned levels = 4;
  static constexpr std::uint32_t slots = 256;
  // Heads of the slots have indexes that no item has.
  static constexpr std::uint32_t first_head = no_item - levels * slots;

  static std::uint32_t head_index(unsigned level, std::uint32_t slot) {
    return first_head + level * slots + slot;
  }
  template <class Items>
  Link& link_of(std::uint32_t index, Items& items) {
    return index >= first_head ? heads_[index - first_head] : items.link(index);
  }
  template <class Items>
  void push_back(std::uint32_t head, std::uint32_t item, Items& items) {
    Link& ends = heads_[head - first_head];
    items.link(item) = {head, ends.previous};
    link_of(ends.previous, items).next = item;
    ends.previous = item;
  }
  // Items of the slots that the present tick stands in go to lower levels. False: out of steps.
  template <class Items>
  bool cascade(std::size_t& steps, Items& items) {
    for (unsigned level = levels - 1; level > 0; --level) {
      const std::uint32_t head = head_index(level, (current_ >> (8 * level)) & 0xff);
      for (std::uint32_t item = heads_[head - first_head].next; item != head;
           item = heads_[head - first_head].next) {
        if (steps == 0) return false;
        --steps;
        erase(item, items);
        insert(item, items);
      }
    }
    return true;
  }
  std::uint32_t slot_for(Tick tick);
  bool is_empty(unsigned level, std::uint32_t slot) const;
  // The begin of the next slot that holds something.
  Tick next_occupied() const;
  void go_on(Tick now);

  std::int64_t origin_ns_;
  Tick current_ = 0;
  std::vector<Link> heads_;
  // A slot that holds something has its bit set; one that is set may be empty again.
  std::array<std::array<std::uint64_t, slots / 64>, levels> marks_{};
};

}  // namespace ringpost::store
