// Lists of items that lie in a Slab: an item carries the links, a list knows its ends. Items are
// named by their index. Cannot fail.
#pragma once

#include <cstdint>

namespace ringpost::store {

inline constexpr std::uint32_t no_item = 0xffff'ffffu;

struct Link {
  std::uint32_t next = no_item;
  std::uint32_t previous = no_item;
};

struct LinkedList {
  std::uint32_t first = no_item;
  std::uint32_t last = no_item;

  bool empty() const { return first == no_item; }

  // `link_of(item)` gives the Link of an item that this list uses.
  template <class LinkOf>
  void push_back(std::uint32_t item, LinkOf&& link_of) {
    link_of(item) = {no_item, last};
    (last == no_item ? first : link_of(last).next) = item;
    last = item;
  }
  template <class LinkOf>
  void erase(std::uint32_t item, LinkOf&& link_of) {
    Link& link = link_of(item);
    (link.previous == no_item ? first : link_of(link.previous).next) = link.next;
    (link.next == no_item ? last : link_of(link.next).previous) = link.previous;
    link = {};
  }
};

}  // namespace ringpost::store
