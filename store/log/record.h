// The layout of a segment: constants, header blocks and their codecs. FORMAT.md is the page to read
// first. Everything is little-endian. Decoders return nothing when a checksum, magic or bound is
// wrong.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/base/queue_id.h"
#include "store/log/extent.h"

namespace ringpost::store {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint32_t block_octets = 4096;
inline constexpr std::uint32_t segment_octets_default = 64u << 20;
inline constexpr std::uint32_t segment_octets_min = 8 * block_octets;
inline constexpr std::uint32_t segment_octets_max = 1u << 30;
inline constexpr std::uint32_t packed_octets_max = 4u
                                                   << 20;  // of one batch; bounds a reader's memory

constexpr std::uint32_t round_up_to_block(std::uint32_t octets) {
  return (octets + block_octets - 1) / block_octets * block_octets;
}

enum class SegmentState : std::uint32_t { Active = 1, Free = 2 };

// Block 0 of a segment file. A file of zeros there was never used.
struct SegmentHeader {
  SegmentState state = SegmentState::Active;
  std::uint32_t log = 0;
  SegmentId segment;
  std::uint32_t octets = 0;  // of the whole file
  std::uint64_t life = 0;    // secret random number of this life; see FORMAT.md, "Forgery"
  WallTime opened{};
  SegmentId previous;  // segment of the same log and run that was written before, or none
  std::uint32_t previous_end = 0;  // first octet behind what was acknowledged there
  bool previous_failed = false;    // a write to it failed: what lies behind previous_end is void
  bool operator==(const SegmentHeader&) const = default;
};

inline constexpr std::uint32_t segment_header_octets =
    64;  // inside one 512-octet sector: written whole or not

using Block = std::array<std::byte, block_octets>;

// Fills `block` (block_octets) with the header and zeros.
void encode(const SegmentHeader& header, MutableBytes block);
std::optional<SegmentHeader> decode_segment_header(Bytes block);

// At a block boundary; packed records follow at once, then padding to a block, then raw pages.
struct BatchHeader {
  SegmentId segment;
  std::uint32_t sequence = 0;      // 1, 2, 3 … in this life of the segment
  std::uint32_t intent_begin = 0;  // offset of the first batch of the WriteIntent it belongs to
  std::uint32_t packed_octets = 0;
  std::uint32_t raw_octets = 0;  // multiple of block_octets
  std::uint64_t life = 0;
  bool operator==(const BatchHeader&) const = default;
};

inline constexpr std::uint32_t batch_header_octets = 40;

void encode(const BatchHeader& header, MutableBytes room);
std::optional<BatchHeader> decode_batch_header(Bytes room);

// Octets of the batch on disk, from its header to the end of its raw pages.
constexpr std::uint32_t batch_octets(const BatchHeader& header) {
  return round_up_to_block(batch_header_octets + header.packed_octets) + header.raw_octets;
}

enum class RecordType : std::uint32_t {
  Content = 1,    // payload: octets of the message `id`
  Envelope = 2,   // payload: an Envelope
  Outcome = 3,    // payload: an Outcome
  Completed = 4,  // no payload: the message `id` is done with, in all its copies
};

struct RecordHeader {
  RecordType type = RecordType::Content;
  std::uint32_t payload_octets = 0;
  std::uint32_t payload_crc = 0;
  QueueId id;
  bool operator==(const RecordHeader&) const = default;
};

inline constexpr std::uint32_t record_header_octets = 24;

// Binds records to their batch: the same octets left by another batch or life never verify.
std::uint32_t record_seed(std::uint64_t life, std::uint32_t sequence);
void encode(const RecordHeader& header, std::uint32_t seed, MutableBytes room);
std::optional<RecordHeader> decode_record_header(Bytes room, std::uint32_t seed);

}  // namespace ringpost::store
