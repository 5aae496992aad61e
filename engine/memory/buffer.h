// Buffers that the kernel fills: a slab of page-aligned buffers of equal size, given to the ring as
// a provided buffer ring, and counted handles to them. A connection owns no buffer until octets
// arrive. Owner: one core; the counts are not atomic. Running out is normal: receives end with
// -ENOBUFS and wait.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <utility>
#include <vector>

#include "engine/ring/ring.h"
#include "proto/base/bytes.h"

namespace ringpost::memory {

class BufferRing;

// A share in one received buffer, or in none. Copying shares; the last one gives the buffer back to
// the kernel.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer& other);
  Buffer(Buffer&& other) noexcept
      : ring_(std::exchange(other.ring_, nullptr)),
        number_(other.number_),
        octets_(other.octets_) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(ring_, other.ring_);
    std::swap(number_, other.number_);
    std::swap(octets_, other.octets_);
    return *this;
  }
  ~Buffer();

  explicit operator bool() const { return ring_ != nullptr; }
  // What was received. The buffer starts on a page, and the memory behind the octets up to the next
  // page boundary belongs to it as well, so whole pages of it can be written by O_DIRECT.
  Bytes octets() const;

 private:
  friend class BufferRing;
  Buffer(BufferRing& ring, std::uint16_t number, std::uint32_t octets)
      : ring_(&ring), number_(number), octets_(octets) {}

  BufferRing* ring_ = nullptr;
  std::uint16_t number_ = 0;
  std::uint32_t octets_ = 0;
};

struct BufferRingOptions {
  std::uint16_t group = 0;
  std::uint16_t buffers = 1024;        // a power of two
  std::uint32_t buffer_bytes = 32768;  // a multiple of the page size
};

// Something that waits for a buffer: an intrusive list node, linked only while its owner is
// starved.
class BufferWaiter {
 public:
  using Handler = void (*)(BufferWaiter&);
  explicit BufferWaiter(Handler handler) : handler_(handler) {}
  BufferWaiter(const BufferWaiter&) = delete;
  BufferWaiter& operator=(const BufferWaiter&) = delete;
  ~BufferWaiter() { CHECK(!waiting_); }
  bool waiting() const { return waiting_; }

 private:
  friend class BufferRing;
  Handler handler_;
  BufferWaiter* next_ = nullptr;
  BufferWaiter* previous_ = nullptr;
  bool waiting_ = false;
};

class BufferRing {
 public:
  // Every Buffer must be gone, and no receive in flight, before the BufferRing goes.
  static std::expected<std::unique_ptr<BufferRing>, Fault> create(ring::Ring& ring,
                                                                  const BufferRingOptions& options);
  ~BufferRing();
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;

  std::uint16_t group() const { return options_.group; }
  // Takes over the buffer that a completion names.
  Buffer take(ring::Completion completion);

  // Calls the waiter's handler once, at the end of a turn in which buffers are to be had again.
  void wait(BufferWaiter& waiter);
  void forget(BufferWaiter& waiter);
  // To be called once per turn.
  void serve_waiters();

  std::uint32_t buffers_free() const { return free_; }
  std::uint32_t buffers_max() const { return options_.buffers; }

 private:
  friend class Buffer;
  BufferRing(ring::Ring& ring, const BufferRingOptions& options) : ring_(ring), options_(options) {}
  std::byte* address(std::uint16_t number) const {
    return slab_ + static_cast<std::size_t>(number) * options_.buffer_bytes;
  }
  void provide(std::uint16_t number);
  void unlink(BufferWaiter& waiter);

  ring::Ring& ring_;
  BufferRingOptions options_;
  io_uring_buf_ring* shared_ = nullptr;
  std::size_t shared_bytes_ = 0;
  bool registered_ = false;
  std::byte* slab_ = nullptr;
  std::vector<std::uint16_t> shares_;
  std::uint32_t free_ = 0;
  BufferWaiter* first_waiter_ = nullptr;
  BufferWaiter* last_waiter_ = nullptr;
};

}  // namespace ringpost::memory
