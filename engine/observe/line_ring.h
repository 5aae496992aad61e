// LineRing: whole lines from one producer thread to one consumer thread, without a lock and without
// waiting. A line that does not fit is dropped and counted; half a line is never seen. Size: a
// power of two.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace ringpost::observe {

class LineRing {
 public:
  explicit LineRing(std::size_t octets);  // CHECKs that it is a power of two

  // Producer. False: no room, the line is counted as dropped.
  bool push(std::string_view line);

  // Consumer. The unread octets, whole lines, in at most two pieces; valid until consume().
  std::array<std::span<const char>, 2> readable() const;
  void consume(std::size_t octets);
  bool empty() const;

  // Any thread. Lines dropped since the start.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  std::unique_ptr<char[]> room_;
  std::size_t mask_;
  alignas(64) std::atomic<std::uint64_t> written_{0};  // producer
  std::atomic<std::uint64_t> dropped_{0};              // producer
  std::uint64_t read_seen_ = 0;                        // producer's last look at read_
  alignas(64) std::atomic<std::uint64_t> read_{0};     // consumer
};

}  // namespace ringpost::observe
