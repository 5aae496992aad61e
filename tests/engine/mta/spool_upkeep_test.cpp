// Upkeep of a spool of 1 MiB segments: what is dead is freed, survivors are moved and stay exact.
#include "engine/mta/spool_upkeep.h"

#include <algorithm>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/mta/recover.h"
#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

class SpoolUpkeepTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.start()); }
  // Fills segments with messages of 100,000 octets; the first and every `kept`-th live on.
  void fill(unsigned count, unsigned kept) {
    std::vector<QueueId> dead;
    for (unsigned i = 0; i < count; ++i) {
      const test::Spooled message = rig_.accept(test::pattern(i % kept == 0 ? 9'000 : 100'000, i));
      if (i % kept == 0) {
        kept_.push_back(message);
        numbers_.push_back(i);
      } else {
        dead.push_back(message.id);
      }
    }
    for (const QueueId id : dead) rig_.complete(id);
  }
  std::uint64_t recycled() const { return rig_.metrics.spool.segments_recycled.value(); }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  std::vector<test::Spooled> kept_;
  std::vector<unsigned> numbers_;
};

TEST_F(SpoolUpkeepTest, DeadSegmentsAreFreedAndUsedAgain) {
  std::vector<QueueId> ids;
  for (unsigned i = 0; i < 30; ++i) ids.push_back(rig_.accept(test::pattern(100'000, i)).id);
  const store::SegmentId first{1};
  ASSERT_NE(rig_.segments->file_of(first), nullptr);
  EXPECT_EQ(recycled(), 0u);
  for (const QueueId id : ids) rig_.complete(id);
  ASSERT_TRUE(rig_.run([&] { return recycled() >= 2; }));
  EXPECT_EQ(rig_.segments->file_of(first), nullptr);
  const std::uint32_t total = rig_.segments->total();
  for (unsigned i = 0; i < 30; ++i) rig_.complete(rig_.accept(test::pattern(100'000, i)).id);
  EXPECT_LE(rig_.segments->total(), total + 2);
}

TEST_F(SpoolUpkeepTest, ASegmentThatIsReadIsNotFreed) {
  std::vector<QueueId> ids;
  for (unsigned i = 0; i < 25; ++i) ids.push_back(rig_.accept(test::pattern(100'000, i)).id);
  {
    ContentLeases leases(rig_.index);
    leases.hold(store::SegmentId{1});
    leases.hold(store::SegmentId{1});
    for (const QueueId id : ids) rig_.complete(id);
    ASSERT_TRUE(rig_.run([&] { return recycled() >= 1; }));
    EXPECT_NE(rig_.segments->file_of(store::SegmentId{1}), nullptr);
  }
  ASSERT_TRUE(rig_.run([&] { return rig_.segments->file_of(store::SegmentId{1}) == nullptr; }));
}

// Old live messages in nearly empty segments: moved, the segments recycled, every octet the same.
TEST_F(SpoolUpkeepTest, SurvivorsAreMoved) {
  fill(60, 20);
  ASSERT_EQ(kept_.size(), 3u);
  const store::SegmentId old = kept_.front().where.segment;
  rig_.upkeep->start();
  ASSERT_TRUE(rig_.run([&] { return rig_.segments->file_of(old) == nullptr; }));
  EXPECT_GE(rig_.metrics.spool.relocated_messages.value(), 1u);
  EXPECT_GE(rig_.metrics.spool.relocated_octets.value(), 9'000u);
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const auto envelope = *test::result_of(*rig_.core, rig_.dispatcher->envelope_of(kept_[i].id));
    ASSERT_TRUE(envelope);
    EXPECT_EQ((*envelope)->reverse_path, "sender@example.org");
    EXPECT_TRUE(rig_.read((*envelope)->extents).value() == test::pattern(9'000, numbers_[i]));
  }
  const auto moved = *test::result_of(*rig_.core, rig_.dispatcher->envelope_of(kept_[0].id));
  EXPECT_EQ((*moved)->generation, 1u);
}

// The same spool after a crash: recovery finds each message once, at its new place.
TEST_F(SpoolUpkeepTest, RecoveryFindsWhatWasMovedOnce) {
  fill(60, 20);
  const store::SegmentId old = kept_.front().where.segment;
  rig_.upkeep->start();
  ASSERT_TRUE(rig_.run([&] { return rig_.segments->file_of(old) == nullptr; }));
  const auto store = test::open_store(folder_.path());
  const auto log = test::open_log(folder_.file("recovery.log"));
  const auto state = recover(*store, 1, *log);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->messages, kept_.size());
  ASSERT_EQ(state->shares.size(), 1u);
  for (const store::MessageSummary& message : state->shares[0].messages)
    EXPECT_TRUE(std::ranges::any_of(kept_, [&](const auto& k) { return k.id == message.id; }));
}

// The message in the cheapest segment cannot be read: the others are cleaned all the same, and that
// one when it can be read again.
TEST_F(SpoolUpkeepTest, AnUnreadableMessageHoldsUpOnlyItsSegment) {
  fill(60, 20);
  const store::Extent bad = kept_[0].envelope.extents.front();
  const std::string path = rig_.segments->file_of(bad.segment)->path();
  const int file = open(path.c_str(), O_RDWR);
  std::string octets(bad.length, '\0');
  ASSERT_EQ(pread(file, octets.data(), octets.size(), bad.offset), ssize_t{bad.length});
  const std::string noise(bad.length, '?');
  ASSERT_EQ(pwrite(file, noise.data(), noise.size(), bad.offset), ssize_t{bad.length});
  ASSERT_EQ(fsync(file), 0);
  // Cheaper than any other, as there is least to be copied.
  const store::SegmentId other = kept_[1].where.segment;
  ASSERT_NE(other, bad.segment);
  rig_.upkeep = std::make_unique<SpoolUpkeep>(rig_.parts, *rig_.segments, rig_.index,
                                              SpoolUpkeepOptions{.put_off_for = seconds(3)});
  rig_.upkeep->meet({rig_.upkeep.get()});
  rig_.upkeep->start();
  ASSERT_TRUE(rig_.run([&] { return rig_.segments->file_of(other) == nullptr; }));
  EXPECT_NE(rig_.segments->file_of(bad.segment), nullptr);
  ASSERT_EQ(pwrite(file, octets.data(), octets.size(), bad.offset), ssize_t{bad.length});
  ASSERT_EQ(fsync(file), 0);
  close(file);
  EXPECT_TRUE(rig_.run([&] { return rig_.segments->file_of(bad.segment) == nullptr; }));
}

// Removed while they are being moved: the copies die with them.
TEST_F(SpoolUpkeepTest, RemovedMessagesStayDead) {
  fill(60, 20);
  rig_.upkeep->start();
  ASSERT_TRUE(rig_.run([&] { return rig_.metrics.spool.relocated_octets.value() > 0; }));
  unsigned removed = 0;
  for (const test::Spooled& message : kept_)
    rig_.dispatcher->remove(message.id, [&](bool done) { removed += done ? 1 : 0; });
  ASSERT_TRUE(rig_.run(
      [&] { return rig_.index.size() == 0 && rig_.dispatcher->idle() && rig_.upkeep->idle(); }));
  EXPECT_EQ(removed, kept_.size());
  const auto store = test::open_store(folder_.path());
  const auto log = test::open_log(folder_.file("recovery.log"));
  const auto state = recover(*store, 1, *log);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->messages, 0u);
}

}  // namespace
}  // namespace ringpost::mta
