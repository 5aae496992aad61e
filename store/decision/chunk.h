// Chunk: a piece of the ring file of decisions, written by one core from its front to its end. A
// sum over each record, seeded with the chunk's sequence number, tells it from torn ones and from
// what an earlier life of the chunk has left behind. Damage costs the records it touches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "proto/base/bytes.h"
#include "store/decision/record.h"

namespace ringpost::store {

inline constexpr std::size_t chunk_octets = 64 * 1024;
inline constexpr std::size_t chunk_header_octets = 24;

// Where chunk `sequence` (from 1) lies in a file of so many chunks.
constexpr std::uint64_t chunk_offset(std::uint64_t sequence, std::uint64_t chunks) {
  return (sequence - 1) % chunks * chunk_octets;
}

class ChunkWriter {
 public:
  // `room` has chunk_octets and stays; what is in it is overwritten, and not cleared.
  explicit ChunkWriter(MutableBytes room) : room_(room) {}

  void begin(std::uint64_t sequence);
  // False, and nothing is changed: no room is left.
  bool append(const DecisionRecord& record);
  // The octets written so far; what is there never changes.
  Bytes octets() const { return room_.first(used_); }
  std::uint64_t sequence() const { return sequence_; }

 private:
  MutableBytes room_;
  std::size_t used_ = 0;
  std::uint64_t sequence_ = 0;
};

// The sequence number of a chunk that begins with these chunk_header_octets; nothing: none has been
// written there.
std::optional<std::uint64_t> chunk_sequence(Bytes header);

struct ChunkFinding {
  std::size_t records = 0;
  std::size_t damaged = 0;  // places where a record seems to begin that is not whole
};

// Tells every whole record of a chunk, in their order. The record is valid during the call.
ChunkFinding read_chunk(Bytes chunk, const std::function<void(const DecisionRecord&)>& tell);

}  // namespace ringpost::store
