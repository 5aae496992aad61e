// Turns: the destinations that may be given a connection. First those that have an idle one, then
// those with the fewest; equals one after the other. Those that answered last time are told from
// those that did not, or never did yet. Cannot fail.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "store/queue/links.h"

namespace ringpost::store {

class Turns {
 public:
  static constexpr std::uint8_t with_idle = 128;

  // Destinations with 63 connections and more share a place.
  static std::uint8_t place_of(std::uint16_t sessions, bool answers) {
    return static_cast<std::uint8_t>(std::min<std::uint16_t>(sessions, 63) + (answers ? 64 : 0));
  }

  template <class LinkOf>
  void enter(std::uint8_t place, std::uint32_t item, LinkOf&& link_of) {
    lists_[place].push_back(item, link_of);
    marks_[place / 64] |= std::uint64_t{1} << (place % 64);
  }
  template <class LinkOf>
  void leave(std::uint8_t place, std::uint32_t item, LinkOf&& link_of) {
    lists_[place].erase(item, link_of);
    if (lists_[place].empty()) marks_[place / 64] &= ~(std::uint64_t{1} << (place % 64));
  }
  // The first of those with the fewest connections; no_item: there is none. Of equals those that
  // answered come first every other time.
  std::uint32_t first(bool only_answering) {
    if (marks_[2] != 0) return lists_[with_idle].first;
    const int unproven = only_answering ? 64 : std::countr_zero(marks_[0]);
    const int proven = std::countr_zero(marks_[1]);
    if (unproven == 64 && proven == 64) return no_item;
    if (unproven == proven) proven_first_ = !proven_first_;
    const bool take_proven = unproven == proven ? proven_first_ : proven < unproven;
    return lists_[static_cast<std::size_t>(take_proven ? proven + 64 : unproven)].first;
  }

 private:
  std::array<LinkedList, with_idle + 1> lists_;
  std::array<std::uint64_t, 3> marks_{};
  bool proven_first_ = false;
};

}  // namespace ringpost::store
