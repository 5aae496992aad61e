// ContentReader: the content of one message, read back from its extents piece by piece with
// O_DIRECT, each extent checked against its CRC. Owner: one core, one delivery; a content that does
// not verify ends as EBADMSG.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <vector>

#include "engine/disk/direct_file.h"
#include "engine/mta/segment_store.h"
#include "engine/ring/task.h"
#include "store/log/extent.h"

namespace ringpost::mta {

// Page-aligned read buffers of one core, used again and again.
class ReadBuffers {
 public:
  static constexpr std::size_t bytes = std::size_t{256} * 1024;

  class Borrowed {
   public:
    Borrowed(ReadBuffers& pool, disk::AlignedMemory memory)
        : pool_(&pool), memory_(std::move(memory)) {}
    Borrowed(Borrowed&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), memory_(std::move(other.memory_)) {}
    Borrowed& operator=(Borrowed&&) = delete;
    ~Borrowed() {
      if (pool_ != nullptr) pool_->free_.push_back(std::move(memory_));
    }
    MutableBytes room() const { return memory_.bytes(); }

   private:
    ReadBuffers* pool_;
    disk::AlignedMemory memory_;
  };

  std::expected<Borrowed, Fault> borrow();

 private:
  std::vector<disk::AlignedMemory> free_;
};

class ContentReader {
 public:
  // Everything named must outlive the reader.
  ContentReader(ring::Ring& ring, const SegmentStore& segments, MutableBytes room,
                std::span<const store::Extent> extents)
      : ring_(ring), segments_(segments), room_(room), extents_(extents) {}

  // The next piece, valid until the next call; empty at the end.
  ring::Task<std::expected<MutableBytes, Fault>> next();

 private:
  ring::Ring& ring_;
  const SegmentStore& segments_;
  MutableBytes room_;
  std::span<const store::Extent> extents_;
  std::size_t extent_ = 0;
  std::uint32_t done_ = 0;  // octets of the current extent that were given out
  std::uint32_t crc_ = 0;
};

}  // namespace ringpost::mta
