// Header blocks: what is written is read, and no single wrong bit passes.
#include "store/log/record.h"

#include <functional>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

void expect_every_bit_matters(MutableBytes octets, const std::function<bool()>& decodes) {
  ASSERT_TRUE(decodes());
  for (std::size_t at = 0; at < octets.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      octets[at] ^= std::byte{1} << bit;
      EXPECT_FALSE(decodes()) << "octet " << at << " bit " << bit;
      octets[at] ^= std::byte{1} << bit;
    }
  }
}

TEST(SegmentHeader, RoundTripsAndRefusesEveryWrongBit) {
  SegmentHeader header;
  header.state = SegmentState::Free;
  header.log = 7;
  header.segment = SegmentId{9};
  header.octets = segment_octets_default;
  header.life = 0x0123'4567'89ab'cdefULL;
  header.opened = WallTime{1'700'000'000'000'000};
  header.previous = SegmentId{8};
  header.previous_end = 12 * block_octets;
  header.previous_failed = true;
  Block block;
  encode(header, block);
  EXPECT_EQ(decode_segment_header(block), header);
  expect_every_bit_matters(MutableBytes(block).first(segment_header_octets),
                           [&] { return decode_segment_header(block).has_value(); });
  EXPECT_FALSE(decode_segment_header(Bytes(block).first(segment_header_octets - 1)));
}

TEST(SegmentHeader, RefusesZerosAndNoSegment) {
  Block block{};
  EXPECT_FALSE(decode_segment_header(block));
  encode(SegmentHeader{}, block);  // segment 0
  EXPECT_FALSE(decode_segment_header(block));
}

TEST(BatchHeader, RoundTripsAndRefusesEveryWrongBit) {
  const BatchHeader header{.segment = SegmentId{3},
                           .sequence = 4,
                           .intent_begin = 2 * block_octets,
                           .packed_octets = 77,
                           .raw_octets = 3 * block_octets,
                           .life = 5};
  std::array<std::byte, batch_header_octets> room;
  encode(header, room);
  EXPECT_EQ(decode_batch_header(room), header);
  EXPECT_EQ(batch_octets(header), 4 * block_octets);
  expect_every_bit_matters(room, [&] { return decode_batch_header(room).has_value(); });
}

TEST(BatchHeader, RefusesWhatNoWriterWrites) {
  std::array<std::byte, batch_header_octets> room;
  const BatchHeader good{.segment = SegmentId{3}, .sequence = 1};
  for (const auto spoil : std::initializer_list<void (*)(BatchHeader&)>{
           [](BatchHeader& h) { h.packed_octets = packed_octets_max + 1; },
           [](BatchHeader& h) { h.raw_octets = 100; },
           [](BatchHeader& h) { h.raw_octets = segment_octets_max + block_octets; },
           [](BatchHeader& h) { h.intent_begin = 1; },
           [](BatchHeader& h) { h.sequence = 0; },
       }) {
    BatchHeader bad = good;
    spoil(bad);
    encode(bad, room);
    EXPECT_FALSE(decode_batch_header(room));
  }
}

TEST(RecordHeader, IsBoundToItsBatch) {
  const RecordHeader header{
      .type = RecordType::Outcome, .payload_octets = 10, .payload_crc = 11, .id = QueueId{12}};
  const std::uint32_t seed = record_seed(1, 2);
  std::array<std::byte, record_header_octets> room;
  encode(header, seed, room);
  EXPECT_EQ(decode_record_header(room, seed), header);
  EXPECT_FALSE(decode_record_header(room, record_seed(1, 3)));
  EXPECT_FALSE(decode_record_header(room, record_seed(2, 2)));
  expect_every_bit_matters(room, [&] { return decode_record_header(room, seed).has_value(); });
}

}  // namespace
}  // namespace ringpost::store
