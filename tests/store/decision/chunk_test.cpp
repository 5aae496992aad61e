// Chunks of the ring file: bits that flip, writes that were torn, and what an earlier life left
// behind.
#include "store/decision/chunk.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

using Room = std::vector<std::byte>;

std::vector<std::uint64_t> ids_in(Bytes chunk) {
  std::vector<std::uint64_t> ids;
  read_chunk(chunk, [&ids](const DecisionRecord& record) { ids.push_back(record.id.value); });
  return ids;
}

struct Chunk {
  Room room = Room(chunk_octets);
  ChunkWriter writer{room};
  explicit Chunk(std::uint64_t sequence, std::uint64_t records, std::uint64_t first = 1) {
    writer.begin(sequence);
    for (std::uint64_t i = 0; i < records; ++i)
      EXPECT_TRUE(writer.append({.id = {first + i}, .hello = "mx.example.org"}));
  }
};

TEST(DecisionChunk, TellsItsRecordsInOrder) {
  const Chunk chunk(7, 3);
  EXPECT_EQ(chunk_sequence(chunk.room), 7u);
  EXPECT_EQ(ids_in(chunk.room), (std::vector<std::uint64_t>{1, 2, 3}));
  // As far as it was written.
  EXPECT_EQ(ids_in(chunk.writer.octets()), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(DecisionChunk, IsFullBeforeItOverflows) {
  Chunk chunk(1, 0);
  std::uint64_t records = 0;
  while (chunk.writer.append({.id = {records + 1}})) ++records;
  EXPECT_GT(records, 1000u);
  EXPECT_EQ(ids_in(chunk.room).size(), records);
}

TEST(DecisionChunk, WhatWasThereBeforeIsNotRead) {
  Chunk chunk(1, 100);
  chunk.writer.begin(2);
  ASSERT_TRUE(chunk.writer.append({.id = {1'000}}));
  EXPECT_EQ(ids_in(chunk.room), std::vector<std::uint64_t>{1'000});
}

TEST(DecisionChunk, EveryFlippedBitCostsOneRecordAtMost) {
  const Chunk whole(3, 4);
  const std::size_t end = whole.writer.octets().size();
  for (std::size_t at = 0; at < end; ++at) {
    Room damaged(whole.room.begin(), whole.room.begin() + static_cast<std::ptrdiff_t>(end));
    damaged[at] ^= std::byte{0x10};
    const std::size_t found = ids_in(damaged).size();
    // Of the header its four octets of zero do not matter.
    if (at < chunk_header_octets - 4)
      EXPECT_EQ(found, 0u) << at;
    else
      EXPECT_GE(found, 3u) << at;
  }
}

TEST(DecisionChunk, ATornEndIsNoRecord) {
  const Chunk whole(3, 4);
  for (std::size_t octets = 0; octets < whole.writer.octets().size(); ++octets) {
    Room torn = whole.room;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(octets), torn.end(), std::byte{0});
    EXPECT_LT(ids_in(torn).size(), 4u) << octets;
  }
}

TEST(DecisionChunk, DamageIsCounted) {
  Chunk chunk(1, 3);
  chunk.room[chunk_header_octets + 20] ^= std::byte{1};
  const ChunkFinding finding = read_chunk(chunk.room, [](const DecisionRecord&) {});
  EXPECT_EQ(finding.records, 2u);
  EXPECT_EQ(finding.damaged, 1u);
}

TEST(DecisionChunk, OthersAreNone) {
  EXPECT_FALSE(chunk_sequence(Room(chunk_header_octets)));
  EXPECT_FALSE(chunk_sequence({}));
  EXPECT_TRUE(ids_in(Room(chunk_octets, std::byte{0xd5})).empty());
  EXPECT_TRUE(ids_in({}).empty());
}

TEST(DecisionChunk, ChunksFollowEachOtherInTheFile) {
  EXPECT_EQ(chunk_offset(1, 4), 0u);
  EXPECT_EQ(chunk_offset(4, 4), 3 * chunk_octets);
  EXPECT_EQ(chunk_offset(5, 4), 0u);
}

}  // namespace
}  // namespace ringpost::store
