// Positions only grow; their difference is what is unread. The producer publishes a whole line by
// one store.
#include "engine/observe/line_ring.h"

#include <bit>
#include <cstring>

#include "proto/base/check.h"

namespace ringpost::observe {

LineRing::LineRing(std::size_t octets)
    : room_(std::make_unique_for_overwrite<char[]>(octets)), mask_(octets - 1) {
  CHECK(std::has_single_bit(octets));
}

bool LineRing::push(std::string_view line) {
  const std::uint64_t position = written_.load(std::memory_order_relaxed);
  const std::size_t size = mask_ + 1;
  if (position + line.size() - read_seen_ > size) {
    read_seen_ = read_.load(std::memory_order_acquire);
    if (position + line.size() - read_seen_ > size) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
  }
  const std::size_t start = position & mask_;
  const std::size_t first = std::min(line.size(), size - start);
  std::memcpy(room_.get() + start, line.data(), first);
  std::memcpy(room_.get(), line.data() + first, line.size() - first);
  written_.store(position + line.size(), std::memory_order_release);
  return true;
}

std::array<std::span<const char>, 2> LineRing::readable() const {
  const std::uint64_t from = read_.load(std::memory_order_relaxed);
  const std::uint64_t to = written_.load(std::memory_order_acquire);
  const std::size_t start = from & mask_;
  const std::size_t unread = to - from;
  const std::size_t first = std::min(unread, mask_ + 1 - start);
  return {std::span<const char>(room_.get() + start, first),
          std::span<const char>(room_.get(), unread - first)};
}

void LineRing::consume(std::size_t octets) {
  const std::uint64_t from = read_.load(std::memory_order_relaxed);
  DCHECK(octets <= written_.load(std::memory_order_acquire) - from);
  read_.store(from + octets, std::memory_order_release);
}

bool LineRing::empty() const {
  return read_.load(std::memory_order_relaxed) == written_.load(std::memory_order_acquire);
}

}  // namespace ringpost::observe
