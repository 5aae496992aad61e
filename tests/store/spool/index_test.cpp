// Index: what holds a segment and what lets it go.
#include "store/spool/index.h"

#include <gtest/gtest.h>

#include "store/log/cleaner.h"

namespace ringpost::store {
namespace {

constexpr SegmentId one{1}, two{2}, three{3};

MessageSummary message_in(QueueId id, SegmentId content, SegmentId envelope,
                          std::uint32_t generation = 0, std::size_t recipients = 1) {
  Envelope written;
  written.generation = generation;
  written.recipients.resize(recipients);
  written.extents = {{content, 4096, 1'000, 0}};
  return summarize(id, written, {envelope, 8192, 100, 0});
}

Outcome delivered(std::uint32_t recipient) {
  Outcome outcome;
  outcome.recipient = recipient;
  outcome.progress = {.attempts = 1, .status = DeliveryStatus::Delivered};
  return outcome;
}

struct IndexTest : testing::Test {
  Index index;
  IndexTest() {
    for (const SegmentId segment : {one, two, three}) index.add_segment(segment, true);
  }
};

TEST_F(IndexTest, ASegmentGoesWhenItsMessagesAreComplete) {
  index.insert(message_in(QueueId{1}, one, one));
  index.seal({.segment = one, .successor = two});
  EXPECT_FALSE(index.next_freeable());
  EXPECT_TRUE(index.apply(QueueId{1}, delivered(0), {two, 0, 20, 0}));
  EXPECT_EQ(index.pending_recipients(), 0u);
  EXPECT_FALSE(index.next_freeable());  // delivered, but the record that ends it is not written yet
  index.complete(QueueId{1}, two);
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(index.next_freeable(), one);
  EXPECT_FALSE(index.next_freeable());
  index.seal({.segment = two, .successor = three});
  EXPECT_FALSE(index.next_freeable());  // its tombstone still has a body in segment 1
  index.free_failed(one);
  EXPECT_EQ(index.next_freeable(), one);
  index.freed(one);
  EXPECT_EQ(index.next_freeable(), two);
}

TEST_F(IndexTest, AnOpenSegmentStays) {
  index.insert(message_in(QueueId{1}, one, one));
  index.complete(QueueId{1}, one);
  EXPECT_FALSE(index.next_freeable());
  index.seal({.segment = one, .successor = two});
  EXPECT_EQ(index.next_freeable(), one);
}

TEST_F(IndexTest, LeasesHoldASegmentEvenAfterItWasOffered) {
  index.lease(one);
  index.seal({.segment = one, .successor = two});
  EXPECT_FALSE(index.next_freeable());
  index.return_lease(one);
  index.lease(one);
  EXPECT_FALSE(index.next_freeable());
  index.return_lease(one);
  EXPECT_EQ(index.next_freeable(), one);
}

TEST_F(IndexTest, OutcomesOfALivingMessageHoldTheirSegment) {
  index.insert(message_in(QueueId{1}, one, one, 0, 2));
  EXPECT_TRUE(index.apply(QueueId{1}, delivered(1), {two, 0, 20, 0}));
  index.seal({.segment = two, .successor = three});
  EXPECT_FALSE(index.next_freeable());
  EXPECT_EQ(index.pending_recipients(), 1u);
  // A newer Envelope that holds this progress lets it go.
  MessageSummary newer = message_in(QueueId{1}, three, three, 1, 2);
  newer.recipients = index.find(QueueId{1})->recipients;
  index.insert(newer);
  EXPECT_EQ(index.next_freeable(), two);
  EXPECT_EQ(index.pending_recipients(), 1u);
}

TEST_F(IndexTest, AnOutcomeThatOvertookTheNewEnvelopeKeepsItsSegment) {
  index.insert(message_in(QueueId{1}, one, one, 0, 2));
  EXPECT_TRUE(index.apply(QueueId{1}, delivered(1), {two, 0, 20, 0}));
  index.seal({.segment = two, .successor = three});
  index.insert(message_in(QueueId{1}, three, three, 1, 2));  // encoded before the outcome was known
  EXPECT_EQ(index.find(QueueId{1})->recipients[1].status, DeliveryStatus::Delivered);
  EXPECT_FALSE(index.next_freeable());
}

TEST_F(IndexTest, TheTombstoneOfARelocatedMessageWaitsForAllCopies) {
  index.insert(message_in(QueueId{1}, one, one));
  index.insert(message_in(QueueId{1}, two, two, 1));
  index.complete(QueueId{1}, three);
  for (const SegmentId segment : {one, two, three}) index.seal_recovered(segment);
  std::vector<SegmentId> free;
  while (const auto segment = index.next_freeable()) free.push_back(*segment);
  EXPECT_EQ(free.size(), 2u);
  index.freed(two);
  EXPECT_FALSE(index.next_freeable());
  index.freed(one);
  EXPECT_EQ(index.next_freeable(), three);
}

TEST_F(IndexTest, AFailedSegmentHoldsTheOneThatVoidsItsEnd) {
  index.insert(message_in(QueueId{1}, one, one));
  index.seal({.segment = one, .successor = two, .failed = true});
  index.seal({.segment = two, .successor = three});
  EXPECT_FALSE(index.next_freeable());
  index.complete(QueueId{1}, three);
  EXPECT_EQ(index.next_freeable(), one);
  EXPECT_FALSE(index.next_freeable());
  index.freed(one);
  EXPECT_EQ(index.next_freeable(), two);
}

TEST_F(IndexTest, SegmentsOfOtherCoresAreReleasedNotFreed) {
  index.add_segment(SegmentId{4}, false);
  index.insert(message_in(QueueId{1}, SegmentId{4}, one));
  EXPECT_FALSE(index.next_released());
  index.complete(QueueId{1}, two);
  EXPECT_EQ(index.next_released(), SegmentId{4});
  EXPECT_FALSE(index.next_released());
  EXPECT_FALSE(index.next_freeable());
}

TEST_F(IndexTest, ACopyThatWasOnlyAppendedCountsToo) {
  index.insert(message_in(QueueId{1}, one, one));
  index.note_copy(QueueId{1}, two);
  index.complete(QueueId{1}, three);
  for (const SegmentId segment : {one, two, three}) index.seal_recovered(segment);
  std::vector<SegmentId> free;
  while (const auto segment = index.next_freeable()) free.push_back(*segment);
  EXPECT_EQ(free.size(), 2u);
  index.freed(one);
  EXPECT_FALSE(index.next_freeable());
  index.freed(two);
  EXPECT_EQ(index.next_freeable(), three);
}

TEST_F(IndexTest, CopiesInSegmentsOfOtherCoresHoldTheTombstoneUntilFreed) {
  MessageSummary message = message_in(QueueId{1}, two, two, 1);
  message.copies = {SegmentId{4}, SegmentId{5}};
  index.insert(message);
  index.freed(SegmentId{5});
  index.complete(QueueId{1}, two);
  index.rely(two, SegmentId{6});  // as recovery found it; nothing else is known of that segment
  index.seal_recovered(two);
  EXPECT_FALSE(index.next_freeable());
  index.freed(SegmentId{4});
  EXPECT_FALSE(index.next_freeable());
  index.freed(SegmentId{6});
  EXPECT_EQ(index.next_freeable(), two);
  EXPECT_FALSE(index.next_released());
}

TEST_F(IndexTest, IgnoresWhatItDoesNotKnow) {
  EXPECT_FALSE(index.apply(QueueId{9}, delivered(0), {one, 0, 20, 0}));
  index.complete(QueueId{9}, one);
  EXPECT_EQ(index.find(QueueId{9}), nullptr);
  index.insert(message_in(QueueId{1}, one, one));
  EXPECT_FALSE(index.apply(QueueId{1}, delivered(1), {one, 0, 20, 0}));
}

TEST_F(IndexTest, VisitsAllMessagesInPieces) {
  for (std::uint64_t id = 1; id <= 10; ++id) index.insert(message_in(QueueId{id}, one, one));
  index.complete(QueueId{4}, one);
  index.insert(message_in(QueueId{11}, one, one));  // takes the vacant place
  std::vector<QueueId> seen;
  std::size_t cursor = 0;
  int rounds = 0;
  do {
    cursor = index.visit(cursor, 3, [&](const MessageSummary& m) { seen.push_back(m.id); });
  } while (cursor != 0 && ++rounds < 10);
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(std::ranges::count(seen, QueueId{4}), 0);
  EXPECT_EQ(index.size(), 10u);
}

TEST_F(IndexTest, CleanerTakesTheCheapestWhenRoomRunsShort) {
  constexpr std::uint32_t octets = 100'000;
  for (std::uint64_t id = 1; id <= 30; ++id) index.insert(message_in(QueueId{id}, one, one));
  for (std::uint64_t id = 31; id <= 50; ++id) index.insert(message_in(QueueId{id}, two, two));
  index.seal({.segment = one, .successor = two});
  index.seal({.segment = two, .successor = three});
  const CleanerLimits limits{.free_segments_min = 4, .live_percent_max = 10};
  EXPECT_FALSE(choose_to_clean(index, 4, octets, limits));  // no hurry, nothing sparse
  EXPECT_EQ(choose_to_clean(index, 3, octets, limits), two);
  for (std::uint64_t id = 1; id <= 25; ++id) index.complete(QueueId{id}, three);
  EXPECT_EQ(choose_to_clean(index, 4, octets, limits), one);  // sparse now
}

TEST_F(IndexTest, CleanerPrefersWhatHoldsOthersBack) {
  constexpr std::uint32_t octets = 100'000;
  for (std::uint64_t id = 1; id <= 30; ++id) index.insert(message_in(QueueId{id}, one, one));
  for (std::uint64_t id = 31; id <= 55; ++id) index.insert(message_in(QueueId{id}, three, three));
  index.complete(QueueId{1}, two);
  index.seal({.segment = one, .successor = two});
  index.seal({.segment = two, .successor = three});
  index.seal({.segment = three, .successor = SegmentId{4}});
  EXPECT_EQ(choose_to_clean(index, 0, octets, {}), one);  // though three has less to copy
}

TEST_F(IndexTest, CleanerLeavesFullSegmentsAlone) {
  for (std::uint64_t id = 1; id <= 30; ++id) index.insert(message_in(QueueId{id}, one, one));
  index.seal({.segment = one, .successor = two});
  EXPECT_FALSE(choose_to_clean(index, 0, 30 * 1'100, {}));
}

}  // namespace
}  // namespace ringpost::store
