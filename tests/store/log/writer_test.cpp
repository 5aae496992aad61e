// LogWriter: places, tickets, room, failures. What it writes is read back in recovery_test.cpp.
#include "store/log/writer.h"

#include <gtest/gtest.h>

#include "proto/base/crc32c.h"
#include "tests/store/rig.h"

namespace ringpost::store {
namespace {

TEST(LogWriter, AskForASegmentFirst) {
  Rig rig;
  EXPECT_TRUE(rig.writer().needs_segment());
  std::vector<Extent> extents;
  EXPECT_EQ(rig.writer().append_content(QueueId{1}, bytes_of("x"), extents), 0u);
  EXPECT_EQ(rig.writer().append_completed(QueueId{1}).error(), Refused::NoRoomNow);
  EXPECT_FALSE(rig.flush());
  rig.provide(0, 1);
  EXPECT_FALSE(rig.writer().needs_segment());
  EXPECT_EQ(rig.writer().append_content(QueueId{1}, bytes_of("x"), extents), 1u);
  EXPECT_EQ(rig.writer().segment(), SegmentId{1});
  EXPECT_TRUE(rig.writer().needs_segment());
}

TEST(LogWriter, PiecesOfOneMessageGrowOneExtent) {
  Rig rig;
  rig.provide(0, 1);
  std::vector<Extent> extents;
  for (const char* piece : {"one ", "two ", "three"})
    ASSERT_GT(rig.writer().append_content(QueueId{1}, bytes_of(piece), extents), 0u);
  std::vector<Extent> others = rig.content(QueueId{2}, "other");
  ASSERT_GT(rig.writer().append_content(QueueId{1}, bytes_of("four"), extents), 0u);
  ASSERT_TRUE(rig.flush());
  ASSERT_EQ(extents.size(), 2u);
  EXPECT_EQ(rig.text(0, extents[0]), "one two three");
  EXPECT_EQ(rig.text(0, extents[1]), "four");
  EXPECT_EQ(rig.text(0, others[0]), "other");
  for (const Extent& extent : extents)
    EXPECT_EQ(crc32c(0, bytes_of(rig.text(0, extent))), extent.crc);
}

TEST(LogWriter, TraceFieldsWrittenLastGetTheirOwnExtent) {
  Rig rig;
  rig.provide(0, 1);
  std::vector<Extent> extents = rig.content(QueueId{1}, "body");
  std::vector<Extent> trace = rig.content(QueueId{1}, "Received: …");
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_EQ(extents[0].length, 4u);
  ASSERT_TRUE(rig.flush());
  EXPECT_EQ(rig.text(0, trace[0]), "Received: …");
}

TEST(LogWriter, LentPagesAreWrittenFromWhereTheyLie) {
  Rig rig;
  rig.provide(0, 1);
  AlignedMemory memory(4 * block_octets);
  const MutableBytes pages = memory.room();
  std::vector<Extent> extents = rig.content(QueueId{1}, "first ");
  ASSERT_TRUE(rig.writer().append_pages(pages.first(2 * block_octets),
                                        pages.subspan(100, 2 * block_octets - 100), extents));
  ASSERT_TRUE(rig.writer().append_pages(pages.subspan(2 * block_octets),
                                        pages.subspan(2 * block_octets, 50), extents));
  EXPECT_EQ(extents.size(), 2u);  // the second page run continues the first one on disk
  EXPECT_EQ(extents[1].length, 2 * block_octets - 100 + 50);
  const auto intent = rig.writer().next_intent(LogWriter::Flush::Everything);
  ASSERT_TRUE(intent);
  ASSERT_EQ(intent->parts.size(), 2u);  // adjoining pages became one part
  EXPECT_EQ(intent->parts[1].data(), pages.data());
  EXPECT_EQ(intent->parts[1].size(), 4 * block_octets);
  rig.put(*intent);
  EXPECT_EQ(crc32c(0, bytes_of(rig.text(0, extents[1]))), extents[1].crc);
  EXPECT_TRUE(rig.writer().completed({}).durable);
}

TEST(LogWriter, ContentAloneWaitsUntilSomethingIsCommitted) {
  Rig rig;
  rig.provide(0, 1);
  const auto extents = rig.content(QueueId{1}, "content");
  EXPECT_FALSE(rig.writer().next_intent());
  ASSERT_TRUE(rig.writer().append(QueueId{1}, rig.envelope(extents)));
  const auto intent = rig.writer().next_intent();
  ASSERT_TRUE(intent);
  EXPECT_TRUE(intent->commit_wanted);
  EXPECT_EQ(intent->offset, 0u);  // with the segment header
  EXPECT_EQ(intent->octets, 2 * block_octets);
}

TEST(LogWriter, WhatArrivesDuringAWriteGoesIntoTheNext) {
  Rig rig;
  rig.provide(0, 1);
  EXPECT_EQ(rig.accept(QueueId{1}, "one").ticket, 1u);
  const auto first = rig.writer().next_intent();
  ASSERT_TRUE(first);
  EXPECT_EQ(rig.accept(QueueId{2}, "two").ticket, 2u);
  EXPECT_EQ(rig.accept(QueueId{3}, "three").ticket, 2u);
  EXPECT_FALSE(rig.writer().next_intent());  // one at a time
  rig.put(*first);
  const Settled settled = rig.writer().completed({});
  EXPECT_EQ(std::pair(settled.first, settled.last), std::pair(Ticket{1}, Ticket{1}));
  EXPECT_EQ(rig.writer().durable_ticket(), 1u);
  const auto second = rig.writer().next_intent();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->offset, 2 * block_octets);
}

TEST(LogWriter, AFailureSettlesAllThatIsNotDurableOnce) {
  Rig rig;
  rig.provide(0, 1);
  rig.accept(QueueId{1}, "one");
  ASSERT_TRUE(rig.writer().next_intent());
  rig.accept(QueueId{2}, "two");
  const std::uint32_t epoch = rig.writer().epoch();
  const Settled settled =
      rig.writer().completed(std::unexpected(Fault{.operation = "write", .code = 5}));
  EXPECT_FALSE(settled.durable);
  EXPECT_EQ(std::pair(settled.first, settled.last), std::pair(Ticket{1}, Ticket{2}));
  EXPECT_NE(rig.writer().epoch(), epoch);
  EXPECT_EQ(rig.writer().segment(), SegmentId{});
  EXPECT_EQ(rig.writer().append_completed(QueueId{1}).error(), Refused::NoRoomNow);
  EXPECT_FALSE(rig.writer().next_sealed());  // its successor is not known yet
  rig.provide(1, 2);
  EXPECT_EQ(rig.accept(QueueId{3}, "three").ticket, 3u);
  const auto sealed = rig.writer().next_sealed();
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->segment, SegmentId{1});
  EXPECT_EQ(sealed->successor, SegmentId{2});
  EXPECT_TRUE(sealed->failed);
  EXPECT_FALSE(rig.writer().next_sealed());
}

TEST(LogWriter, MovesOnWhenASegmentIsFullAndSealsItOnlyWhenItsLastWriteEnded) {
  Rig rig(8 * block_octets);
  rig.provide(0, 1);
  const std::string big(3 * block_octets, 'x');
  rig.accept(QueueId{1}, big);
  ASSERT_TRUE(rig.flush());
  rig.accept(QueueId{2}, std::string(2 * block_octets, 'y'));
  const auto last = rig.writer().next_intent();
  ASSERT_TRUE(last);
  std::vector<Extent> extents;
  EXPECT_EQ(rig.writer().append_content(QueueId{3}, bytes_of(big), extents), 0u);
  rig.provide(1, 2);
  EXPECT_EQ(rig.writer().append_content(QueueId{3}, bytes_of(big), extents), big.size());
  EXPECT_EQ(extents[0].segment, SegmentId{2});
  EXPECT_FALSE(rig.writer().next_sealed());
  rig.put(*last);
  EXPECT_TRUE(rig.writer().completed({}).durable);
  const auto sealed = rig.writer().next_sealed();
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->segment, SegmentId{1});
  EXPECT_FALSE(sealed->failed);
  ASSERT_TRUE(rig.flush());
  const auto header = decode_segment_header(rig.file(1));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->previous, SegmentId{1});
  EXPECT_EQ(header->previous_end, last->offset + last->octets);
}

TEST(LogWriter, TakesAPrefixOfContentThatIsLongerThanTheRoom) {
  Rig rig(32 * block_octets, 8 * block_octets);
  rig.provide(0, 1);
  const std::string text(10 * block_octets, 'z');
  std::vector<Extent> extents;
  Bytes left = bytes_of(text);
  for (int rounds = 0; !left.empty() && rounds < 20; ++rounds) {
    const std::size_t taken = rig.writer().append_content(QueueId{1}, left, extents);
    left = left.subspan(taken);
    if (taken > 0) continue;
    ASSERT_TRUE(rig.writer().next_intent());
    ASSERT_TRUE(rig.writer().completed({}).durable);
  }
  EXPECT_TRUE(left.empty());
  EXPECT_GT(extents.size(), 2u);
}

TEST(LogWriter, RefusesForGoodWhatCanNeverFit) {
  Rig rig(32 * block_octets, 8 * block_octets);
  rig.provide(0, 1);
  Envelope envelope = rig.envelope({}, 2'000);
  EXPECT_EQ(rig.writer().append(QueueId{1}, envelope).error(), Refused::TooLarge);
  envelope.recipients.resize(100);
  EXPECT_TRUE(rig.writer().append(QueueId{1}, envelope));
}

TEST(LogWriter, LentPagesWaitWhenTheIntentIsFull) {
  Rig rig;
  rig.provide(0, 1);
  AlignedMemory memory(8 * block_octets);
  std::vector<Extent> extents;
  EXPECT_TRUE(rig.writer().append_pages(memory.room(), memory.room(), extents));
  EXPECT_FALSE(rig.writer().append_pages(memory.room(), memory.room(), extents));
  ASSERT_TRUE(rig.writer().next_intent());  // though nothing is committed: somebody waits
  EXPECT_TRUE(rig.writer().append_pages(memory.room(), memory.room(), extents));
}

}  // namespace
}  // namespace ringpost::store
