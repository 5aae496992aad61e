// Slab: items at fixed places, named by index, taken and given back one at a time. It grows by
// chunks, so that no growth moves what is there; memory is kept for reuse. Cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "store/queue/links.h"

namespace ringpost::store {

// `free_link` is a Link of the item that is not in use while the item is free.
template <class Item, Link Item::* free_link>
class Slab {
 public:
  Item& operator[](std::uint32_t index) {
    return chunks_[index / chunk_items][index % chunk_items];
  }
  const Item& operator[](std::uint32_t index) const {
    return chunks_[index / chunk_items][index % chunk_items];
  }

  std::uint32_t take() {
    ++used_;
    if (first_free_ != no_item) {
      const std::uint32_t index = first_free_;
      first_free_ = ((*this)[index].*free_link).next;
      (*this)[index] = Item{};
      return index;
    }
    if (end_ == chunks_.size() * chunk_items)
      chunks_.push_back(std::make_unique<Item[]>(chunk_items));
    return end_++;
  }
  void give(std::uint32_t index) {
    (*this)[index] = Item{};
    ((*this)[index].*free_link).next = first_free_;
    first_free_ = index;
    --used_;
  }

  std::size_t used() const { return used_; }
  std::uint32_t end() const { return end_; }  // indexes below have been taken at least once

 private:
  static constexpr std::uint32_t chunk_items = 1'024;
  std::vector<std::unique_ptr<Item[]>> chunks_;
  std::uint32_t end_ = 0;
  std::uint32_t first_free_ = no_item;
  std::size_t used_ = 0;
};

}  // namespace ringpost::store
