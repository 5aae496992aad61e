// IndexTable: finds items of a Slab by their hash, at 6 to 12 octets an item: an open-addressing
// table of indexes. It is cut into parts that grow by themselves, so that no single insertion does
// work for more than a small part of millions of items. Cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "store/queue/links.h"

namespace ringpost::store {

// Spreads every bit over all of them; not a secret.
constexpr std::uint64_t mix_bits(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

class IndexTable {
 public:
  IndexTable() : parts_(parts_count) {}

  // The item of this hash for which `is_it(index)`; or no_item.
  template <class IsIt>
  std::uint32_t find(std::uint64_t hash, IsIt&& is_it) const {
    const Part& part = parts_[part_of(hash)];
    if (part.slots.empty()) return no_item;
    for (std::size_t at = place_of(hash, part); part.slots[at] != no_item; at = after(at, part))
      if (is_it(part.slots[at])) return part.slots[at];
    return no_item;
  }

  // An item that is not in it. `hash_of(index)` gives the hash of an item that is.
  template <class HashOf>
  void insert(std::uint64_t hash, std::uint32_t index, HashOf&& hash_of) {
    Part& part = parts_[part_of(hash)];
    if ((part.used + 1) * 3 > part.slots.size() * 2) grow(part, hash_of);
    put(part, hash, index);
    ++part.used;
  }

  // An item that is in it.
  template <class HashOf>
  void erase(std::uint64_t hash, std::uint32_t index, HashOf&& hash_of) {
    Part& part = parts_[part_of(hash)];
    std::size_t hole = place_of(hash, part);
    while (part.slots[hole] != index) hole = after(hole, part);
    // What stands behind moves up, if it may stand there: no search ends too early.
    for (std::size_t at = after(hole, part); part.slots[at] != no_item; at = after(at, part)) {
      const std::size_t home = place_of(hash_of(part.slots[at]), part);
      const std::size_t mask = part.slots.size() - 1;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      part.slots[hole] = part.slots[at];
      hole = at;
    }
    part.slots[hole] = no_item;
    --part.used;
  }

 private:
  struct Part {
    std::vector<std::uint32_t> slots;  // a power of two, or none
    std::size_t used = 0;
  };
  static constexpr std::size_t parts_count = 256;

  static std::size_t part_of(std::uint64_t hash) { return hash >> 56; }
  static std::size_t place_of(std::uint64_t hash, const Part& part) {
    return static_cast<std::size_t>(hash) & (part.slots.size() - 1);
  }
  static std::size_t after(std::size_t at, const Part& part) {
    return (at + 1) & (part.slots.size() - 1);
  }
  static void put(Part& part, std::uint64_t hash, std::uint32_t index) {
    std::size_t at = place_of(hash, part);
    while (part.slots[at] != no_item) at = after(at, part);
    part.slots[at] = index;
  }
  template <class HashOf>
  static void grow(Part& part, HashOf&& hash_of) {
    const std::size_t size = part.slots.empty() ? 8 : part.slots.size() * 2;
    const auto old = std::exchange(part.slots, std::vector<std::uint32_t>(size, no_item));
    for (const std::uint32_t index : old)
      if (index != no_item) put(part, hash_of(index), index);
  }

  std::vector<Part> parts_;
};

}  // namespace ringpost::store
