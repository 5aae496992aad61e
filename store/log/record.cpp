// The layout of a segment: see record.h and FORMAT.md. Pure; wrong octets give nothing.
#include "store/log/record.h"

#include <algorithm>

#include "proto/base/check.h"
#include "proto/base/crc32c.h"
#include "proto/base/wire.h"

namespace ringpost::store {
namespace {

constexpr std::uint64_t segment_magic = 0x31474553504e4952ULL;  // "RINPSEG1" as it lies on disk
constexpr std::uint32_t batch_magic = 0x42504e52u;              // "RNPB"

void put_checksum(FieldWriter& sink) { put_fixed(sink, crc32c(0, sink.room.first(sink.used))); }

// True when the last four octets of `field` are the checksum of those before.
bool is_intact(Bytes field, std::uint32_t seed = 0) {
  const std::size_t covered = field.size() - sizeof(std::uint32_t);
  FieldReader tail(field.subspan(covered));
  return tail.fixed<std::uint32_t>() == crc32c(seed, field.first(covered));
}

}  // namespace

void encode(const SegmentHeader& header, MutableBytes block) {
  CHECK(block.size() == block_octets);
  std::ranges::fill(block, std::byte{0});
  FieldWriter sink{block.first(segment_header_octets)};
  put_fixed(sink, segment_magic);
  put_fixed(sink, format_version);
  put_fixed(sink, static_cast<std::uint32_t>(header.state));
  put_fixed(sink, header.log);
  put_fixed(sink, header.segment.value);
  put_fixed(sink, header.octets);
  put_fixed(sink, header.previous.value);
  put_fixed(sink, header.previous_end);
  put_fixed(sink, static_cast<std::uint32_t>(header.previous_failed));
  put_fixed(sink, header.life);
  put_fixed(sink, header.opened.us);
  put_fixed(sink, std::uint32_t{0});
  put_checksum(sink);
}

std::optional<SegmentHeader> decode_segment_header(Bytes block) {
  if (block.size() < segment_header_octets) return std::nullopt;
  const Bytes field = block.first(segment_header_octets);
  if (!is_intact(field)) return std::nullopt;
  FieldReader in(field);
  in.require(in.fixed<std::uint64_t>() == segment_magic);
  in.require(in.fixed<std::uint32_t>() == format_version);
  const auto state = in.fixed<std::uint32_t>();
  in.require(state == 1 || state == 2);
  SegmentHeader header;
  header.state = static_cast<SegmentState>(state);
  header.log = in.fixed<std::uint32_t>();
  header.segment.value = in.fixed<std::uint32_t>();
  header.octets = in.fixed<std::uint32_t>();
  header.previous.value = in.fixed<std::uint32_t>();
  header.previous_end = in.fixed<std::uint32_t>();
  const auto failed = in.fixed<std::uint32_t>();
  in.require(failed <= 1);
  header.previous_failed = failed == 1;
  header.life = in.fixed<std::uint64_t>();
  header.opened.us = in.fixed<std::int64_t>();
  in.require(in.fixed<std::uint32_t>() == 0);
  in.require(header.segment.value != 0);
  if (!in.ok()) return std::nullopt;
  return header;
}

void encode(const BatchHeader& header, MutableBytes room) {
  CHECK(room.size() == batch_header_octets);
  FieldWriter sink{room};
  put_fixed(sink, batch_magic);
  put_fixed(sink, format_version);
  put_fixed(sink, header.segment.value);
  put_fixed(sink, header.sequence);
  put_fixed(sink, header.intent_begin);
  put_fixed(sink, header.packed_octets);
  put_fixed(sink, header.raw_octets);
  put_fixed(sink, header.life);
  put_checksum(sink);
}

std::optional<BatchHeader> decode_batch_header(Bytes room) {
  if (room.size() < batch_header_octets) return std::nullopt;
  const Bytes field = room.first(batch_header_octets);
  FieldReader in(field);
  if (in.fixed<std::uint32_t>() != batch_magic || !is_intact(field)) return std::nullopt;
  in.require(in.fixed<std::uint32_t>() == format_version);
  BatchHeader header;
  header.segment.value = in.fixed<std::uint32_t>();
  header.sequence = in.fixed<std::uint32_t>();
  header.intent_begin = in.fixed<std::uint32_t>();
  header.packed_octets = in.fixed<std::uint32_t>();
  header.raw_octets = in.fixed<std::uint32_t>();
  header.life = in.fixed<std::uint64_t>();
  in.require(header.packed_octets <= packed_octets_max);
  in.require(header.raw_octets <= segment_octets_max && header.raw_octets % block_octets == 0);
  in.require(header.intent_begin % block_octets == 0 && header.sequence != 0);
  if (!in.ok()) return std::nullopt;
  return header;
}

std::uint32_t record_seed(std::uint64_t life, std::uint32_t sequence) {
  std::array<std::byte, sizeof life + sizeof sequence> identity;
  FieldWriter sink{identity};
  put_fixed(sink, life);
  put_fixed(sink, sequence);
  return crc32c(0, identity);
}

void encode(const RecordHeader& header, std::uint32_t seed, MutableBytes room) {
  CHECK(room.size() == record_header_octets);
  FieldWriter sink{room};
  put_fixed(sink, static_cast<std::uint32_t>(header.type));
  put_fixed(sink, header.payload_octets);
  put_fixed(sink, header.payload_crc);
  put_fixed(sink, header.id.value);
  put_fixed(sink, crc32c(seed, room.first(sink.used)));
}

std::optional<RecordHeader> decode_record_header(Bytes room, std::uint32_t seed) {
  if (room.size() < record_header_octets) return std::nullopt;
  const Bytes field = room.first(record_header_octets);
  if (!is_intact(field, seed)) return std::nullopt;
  FieldReader in(field);
  const auto type = in.fixed<std::uint32_t>();
  in.require(type >= 1 && type <= 4);
  RecordHeader header;
  header.type = static_cast<RecordType>(type);
  header.payload_octets = in.fixed<std::uint32_t>();
  header.payload_crc = in.fixed<std::uint32_t>();
  header.id.value = in.fixed<std::uint64_t>();
  if (!in.ok()) return std::nullopt;
  return header;
}

}  // namespace ringpost::store
