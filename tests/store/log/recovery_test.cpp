// Reading back: what was written is found; torn ends, rot, stale lives and void ends are told
// apart.
#include "store/log/recovery.h"

#include <gtest/gtest.h>

#include "tests/store/rig.h"

namespace ringpost::store {
namespace {

std::vector<QueueId> ids_of(const RecoveredSpool& spool) {
  std::vector<QueueId> ids;
  for (const MessageSummary& message : spool.messages) ids.push_back(message.id);
  return ids;
}

TEST(Recovery, AnEmptySpoolIsEmpty) {
  Rig rig;
  rig.file(0).resize(32 * block_octets);
  const RecoveredSpool spool = rig.recover();
  EXPECT_TRUE(spool.messages.empty());
  EXPECT_TRUE(spool.damaged.empty());
  ASSERT_EQ(spool.segments.size(), 1u);
  EXPECT_EQ(spool.segments[0].state, SlotState::Unused);
  EXPECT_EQ(spool.segment_max, SegmentId{});
}

TEST(Recovery, FindsMessagesProgressAndTheHighestIds) {
  Rig rig;
  rig.provide(0, 5);
  const Appended one = rig.accept(QueueId{(2ULL << 56) + 7}, "one");
  rig.accept(QueueId{8}, "two");
  ASSERT_TRUE(rig.flush());
  Outcome outcome;
  outcome.progress = {.next_due = WallTime{99}, .attempts = 2, .status = DeliveryStatus::Delayed};
  ASSERT_TRUE(rig.writer().append(QueueId{8}, outcome));
  ASSERT_TRUE(rig.flush());
  const RecoveredSpool spool = rig.recover();
  ASSERT_EQ(spool.messages.size(), 2u);
  EXPECT_EQ(spool.messages[0].id, QueueId{8});
  EXPECT_EQ(spool.messages[0].recipients[0], outcome.progress);
  EXPECT_EQ(spool.messages[1].envelope, one.where);
  EXPECT_EQ(spool.segment_max, SegmentId{5});
  EXPECT_EQ(spool.queue_id_max[0], 8u);
  EXPECT_EQ(spool.queue_id_max[2], (2ULL << 56) + 7);
  EXPECT_EQ(spool.segments[0].log, 3u);
  EXPECT_EQ(spool.segments[0].state, SlotState::Sealed);
}

TEST(Recovery, ACompletedMessageIsGoneAndItsTombstoneReliesOnTheCopies) {
  Rig rig;
  rig.provide(0, 1);
  rig.accept(QueueId{1}, "one");
  ASSERT_TRUE(rig.flush());
  rig.provide(1, 2);
  rig.accept(QueueId{2}, "lost");  // fails, so that the log moves to segment 2
  ASSERT_TRUE(rig.flush(false));
  ASSERT_TRUE(rig.writer().append_completed(QueueId{1}));
  ASSERT_TRUE(rig.flush());
  const RecoveredSpool spool = rig.recover();
  EXPECT_TRUE(spool.messages.empty());
  ASSERT_EQ(spool.reliances.size(), 1u);  // as tombstone, and since segment 1 has a void end
  EXPECT_EQ(spool.reliances[0].tombstone, SegmentId{2});
  EXPECT_EQ(spool.reliances[0].copy, SegmentId{1});
}

TEST(Recovery, TheHighestGenerationWins) {
  Rig rig;
  rig.provide(0, 1);
  rig.accept(QueueId{1}, "old place");
  ASSERT_TRUE(rig.flush());
  Envelope envelope = rig.envelope(rig.content(QueueId{1}, "new place"));
  envelope.generation = 1;
  ASSERT_TRUE(rig.writer().append(QueueId{1}, envelope));
  ASSERT_TRUE(rig.flush());
  EXPECT_EQ(rig.recover().messages.at(0).generation, 1u);
  // Had the crash torn the newer copy's content, the older one would live.
  EXPECT_EQ(rig.recover(false).messages.at(0).generation, 0u);
  EXPECT_EQ(rig.recover(false).torn_envelopes, 1u);
}

TEST(Recovery, OnlyContentOfTheLastIntentIsSuspect) {
  Rig rig;
  rig.provide(0, 1);
  rig.accept(QueueId{1}, "one");
  ASSERT_TRUE(rig.flush());
  const auto early = rig.content(QueueId{2}, "two");
  ASSERT_TRUE(rig.flush());
  ASSERT_TRUE(rig.writer().append(QueueId{2}, rig.envelope(early)));
  rig.accept(QueueId{3}, "three");
  ASSERT_TRUE(rig.flush());
  Recovery recovery;
  recovery.add(rig.scan(0));
  ASSERT_EQ(recovery.unverified().size(), 1u);
  EXPECT_EQ(rig.text(0, recovery.unverified()[0]), "three");
  recovery.verified(0, false);
  EXPECT_EQ(ids_of(recovery.finish()), (std::vector{QueueId{1}, QueueId{2}}));
}

TEST(Recovery, ATornEndIsNormalButAHoleBeforeALaterIntentIsDamage) {
  Rig rig;
  rig.provide(0, 1);
  std::vector<Appended> appended;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    appended.push_back(rig.accept(QueueId{id}, "text"));
    ASSERT_TRUE(rig.flush());
  }
  rig.file(0)[3 * block_octets] ^= std::byte{1};  // header of the last batch
  EXPECT_EQ(ids_of(rig.recover()), (std::vector{QueueId{1}, QueueId{2}}));
  EXPECT_TRUE(rig.recover().damaged.empty());
  rig.file(0)[3 * block_octets] ^= std::byte{1};
  rig.file(0)[2 * block_octets] ^= std::byte{1};  // header of the one before
  const RecoveredSpool spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{1}, QueueId{3}}));
  ASSERT_EQ(spool.damaged.size(), 1u);
  EXPECT_EQ(spool.damaged[0].begin, 2 * block_octets);
  EXPECT_EQ(spool.damaged[0].end, 3 * block_octets);
  EXPECT_EQ(spool.damaged[0].reason, DamageReason::BatchHeader);
  EXPECT_EQ(spool.damaged[0].segment, SegmentId{1});
}

TEST(Recovery, RotInOneRecordCostsThatRecord) {
  Rig rig;
  rig.provide(0, 1);
  const Appended one = rig.accept(QueueId{1}, "one");
  rig.accept(QueueId{2}, "two");
  ASSERT_TRUE(rig.flush());
  rig.accept(QueueId{3}, "three");
  ASSERT_TRUE(rig.flush());
  rig.file(0)[one.where.offset + 5] ^= std::byte{4};
  RecoveredSpool spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{2}, QueueId{3}}));
  ASSERT_EQ(spool.damaged.size(), 1u);
  EXPECT_EQ(spool.damaged[0].reason, DamageReason::Payload);
  EXPECT_EQ(spool.damaged[0].begin, one.where.offset);
  // In its header, the rest of the batch goes with it: nobody knows where the next record starts.
  rig.file(0)[one.where.offset + 5] ^= std::byte{4};
  rig.file(0)[one.where.offset - 1] ^= std::byte{4};
  spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{3}}));
  EXPECT_EQ(spool.damaged.at(0).reason, DamageReason::RecordHeader);
}

TEST(Recovery, ASuccessorSaysWhereItsPredecessorEnds) {
  Rig rig(8 * block_octets);
  rig.provide(0, 1);
  rig.accept(QueueId{1}, std::string(6 * block_octets - 200, 'x'));
  ASSERT_TRUE(rig.flush());
  rig.accept(QueueId{2}, "last of its segment");
  ASSERT_TRUE(rig.flush());
  rig.provide(1, 2);
  rig.accept(QueueId{3}, "three");
  ASSERT_TRUE(rig.flush());
  EXPECT_EQ(rig.recover().messages.size(), 3u);
  // The last batch of a segment that was left in good order cannot be torn: it is damage.
  rig.file(0)[7 * block_octets] ^= std::byte{1};
  const RecoveredSpool spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{1}, QueueId{3}}));
  ASSERT_EQ(spool.damaged.size(), 1u);
  EXPECT_EQ(spool.damaged[0].begin, 7 * block_octets);
  EXPECT_EQ(spool.damaged[0].end, 8 * block_octets);
}

TEST(Recovery, WhatAFailedWriteLeftIsVoid) {
  Rig rig;
  rig.provide(0, 1);
  rig.accept(QueueId{1}, "one");
  ASSERT_TRUE(rig.flush());
  rig.accept(QueueId{2}, "two");
  const auto intent = rig.writer().next_intent();
  ASSERT_TRUE(intent);
  rig.put(*intent);  // it did reach the disk, though the sync said no
  rig.writer().completed(std::unexpected(Fault{.operation = "write", .code = 5}));
  EXPECT_EQ(rig.recover().messages.size(), 2u);  // nobody knows yet, and a second copy harms less
  rig.provide(1, 2);
  rig.accept(QueueId{3}, "three");
  ASSERT_TRUE(rig.flush());
  const RecoveredSpool spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{1}, QueueId{3}}));
  EXPECT_TRUE(spool.damaged.empty());
  ASSERT_EQ(spool.reliances.size(), 1u);
  EXPECT_EQ(spool.reliances[0].tombstone, SegmentId{2});
}

// Two lives of one slot with the same layout: sectors of the first in a torn write of the second.
TEST(Recovery, StaleRecordsOfAnEarlierLifeNeverVerify) {
  Rig rig;
  rig.provide(0, 1);
  for (std::uint64_t id = 1; id <= 40; ++id) rig.accept(QueueId{id}, std::string(400, 'a'));
  ASSERT_TRUE(rig.flush());
  const std::vector<std::byte> old = rig.file(0);
  Rig later;
  later.provide(0, 2);
  for (std::uint64_t id = 1; id <= 40; ++id) later.accept(QueueId{100 + id}, std::string(400, 'b'));
  ASSERT_TRUE(later.flush());
  const std::vector<std::byte> whole = later.file(0);
  for (std::size_t sector = 0; sector < 40; ++sector) {
    later.file(0) = whole;
    std::copy_n(old.begin() + static_cast<std::ptrdiff_t>(sector * 512), 512,
                later.file(0).begin() + static_cast<std::ptrdiff_t>(sector * 512));
    for (const QueueId id : ids_of(later.recover())) {
      EXPECT_TRUE(sector == 0 || id > QueueId{100}) << "sector " << sector;
    }
  }
  // All but the first sectors are stale: nothing of them may be believed.
  later.file(0) = old;
  std::copy_n(whole.begin(), block_octets + 512, later.file(0).begin());
  for (const QueueId id : ids_of(later.recover())) EXPECT_GT(id, QueueId{100});
}

TEST(Recovery, AFreeSegmentHoldsNothing) {
  Rig rig;
  rig.provide(0, 9);
  rig.accept(QueueId{1}, "one");
  ASSERT_TRUE(rig.flush());
  SegmentHeader header = *decode_segment_header(rig.file(0));
  header.state = SegmentState::Free;
  encode(header, MutableBytes(rig.file(0)).first(block_octets));
  SegmentScan scan(0, 32 * block_octets);
  scan.push(Bytes(rig.file(0)).first(block_octets));
  EXPECT_EQ(scan.wanted(), 32 * block_octets);  // nothing more is read
  const RecoveredSpool spool = rig.recover();
  EXPECT_TRUE(spool.messages.empty());
  EXPECT_EQ(spool.segments[0].state, SlotState::Free);
  EXPECT_EQ(spool.segment_max, SegmentId{9});
}

TEST(Recovery, ADamagedSegmentHeaderIsReportedAndTheContentStillFound) {
  Rig rig;
  rig.provide(0, 9);
  rig.accept(QueueId{1}, "one");
  ASSERT_TRUE(rig.flush());
  rig.file(0)[20] ^= std::byte{1};
  RecoveredSpool spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{1}}));
  EXPECT_EQ(spool.segments[0].state, SlotState::Sealed);
  EXPECT_EQ(spool.segments[0].segment, SegmentId{9});
  ASSERT_EQ(spool.damaged.size(), 1u);
  EXPECT_EQ(spool.damaged[0].reason, DamageReason::SegmentHeader);
  std::ranges::fill(MutableBytes(rig.file(0)).subspan(block_octets), std::byte{0});
  spool = rig.recover();
  EXPECT_EQ(spool.segments[0].state, SlotState::Unreadable);
}

TEST(Recovery, AMissingSegmentCostsTheContentNotTheMessage) {
  Rig rig;
  rig.provide(0, 1);
  const auto early = rig.content(QueueId{1}, "early");
  ASSERT_TRUE(rig.flush());
  rig.accept(QueueId{2}, "fails");
  ASSERT_TRUE(rig.flush(false));
  rig.provide(1, 2);
  const auto appended = rig.writer().append(QueueId{1}, rig.envelope(early));
  ASSERT_TRUE(appended && rig.flush());
  std::ranges::fill(rig.file(0), std::byte{0});
  const RecoveredSpool spool = rig.recover();
  ASSERT_EQ(spool.messages.size(), 1u);
  ASSERT_EQ(spool.messages[0].uses.size(), 1u);
  EXPECT_EQ(spool.messages[0].uses[0].segment, SegmentId{2});
  ASSERT_EQ(spool.damaged.size(), 1u);
  EXPECT_EQ(spool.damaged[0].reason, DamageReason::Content);
  EXPECT_EQ(spool.damaged[0].slot, 1u);
  EXPECT_EQ(spool.damaged[0].begin, appended->where.offset);
}

TEST(Recovery, OfTwoFilesWithOneIdTheLongerOneIsBelieved) {
  Rig rig;
  rig.provide(0, 9);
  rig.accept(QueueId{1}, "one");
  ASSERT_TRUE(rig.flush());
  rig.file(1) = rig.file(0);
  rig.accept(QueueId{2}, "two");
  ASSERT_TRUE(rig.flush());
  const RecoveredSpool spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{1}, QueueId{2}}));
  EXPECT_EQ(spool.segments[0].state, SlotState::Sealed);
  EXPECT_EQ(spool.segments[1].state, SlotState::Unreadable);
  ASSERT_EQ(spool.damaged.size(), 1u);
  EXPECT_EQ(spool.damaged[0].slot, 1u);
}

// A message whose content is a forged batch: it is never taken for one, even where the reader has
// to look for the next batch block by block.
TEST(Recovery, ContentIsNeverMistakenForABatch) {
  Rig rig;
  rig.provide(0, 1);
  AlignedMemory memory(2 * block_octets);
  BatchHeader forged{.segment = SegmentId{1}, .sequence = 50, .intent_begin = block_octets};
  forged.life = 4242;  // the true one is not known outside
  encode(forged, memory.room().subspan(block_octets, batch_header_octets));
  std::vector<Extent> extents;
  ASSERT_TRUE(rig.writer().append_pages(memory.room(), memory.room(), extents));
  ASSERT_TRUE(rig.flush());
  rig.accept(QueueId{2}, "two");
  ASSERT_TRUE(rig.flush());
  rig.file(0)[block_octets] ^= std::byte{1};  // the batch that covered the pages
  const RecoveredSpool spool = rig.recover();
  EXPECT_EQ(ids_of(spool), (std::vector{QueueId{2}}));
  ASSERT_EQ(spool.damaged.size(), 1u);
  EXPECT_EQ(spool.damaged[0].end, 4 * block_octets);
}

TEST(LogReader, ResultDoesNotDependOnHowTheFileIsRead) {
  Rig rig;
  rig.provide(0, 1);
  AlignedMemory memory(3 * block_octets);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    auto extents = rig.content(QueueId{id}, std::string(5'000, 'c'));
    ASSERT_TRUE(rig.writer().append_pages(memory.room(), memory.room(), extents));
    ASSERT_TRUE(rig.writer().append(QueueId{id}, rig.envelope(extents)));
    ASSERT_TRUE(rig.flush());
  }
  std::vector<std::vector<std::uint32_t>> found;
  for (const std::uint32_t blocks : {1u, 2u, 5u, 32u}) {
    LogReader reader(0, 32 * block_octets);
    std::vector<std::uint32_t> offsets;
    std::uint32_t read = 0;
    while (reader.wanted() < 32 * block_octets) {
      const std::uint32_t left = 32 * block_octets - reader.wanted();
      const std::uint32_t octets = std::min(left, blocks * block_octets);
      read += octets;
      reader.push(Bytes(rig.file(0)).subspan(reader.wanted(), octets));
      while (const auto record = reader.next_record()) offsets.push_back(record->where.offset);
    }
    EXPECT_TRUE(blocks > 1 || read < 32 * block_octets);  // raw pages are not asked for
    found.push_back(offsets);
    EXPECT_EQ(found.back(), found.front());
    EXPECT_TRUE(reader.damage().empty());
  }
  EXPECT_EQ(found.front().size(), 6u);
}

}  // namespace
}  // namespace ringpost::store
