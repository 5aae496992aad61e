// When a recipient is tried again, and how many at a time.
#include <array>
#include <set>

#include <gtest/gtest.h>

#include "store/queue/ready_queue.h"
#include "store/queue/schedule.h"

namespace ringpost::store {
namespace {

constexpr WallTime received{1'763'856'000'000'000};

WallTime after_s(std::int64_t n) { return received + seconds(n); }

TEST(Schedule, GrowsWithTheSquareOfTheAttempts) {
  const Schedule schedule{.step = relay_step};
  WallTime now = received;
  for (std::uint16_t attempts = 1; attempts <= 20; ++attempts) {
    const WallTime next = next_attempt(schedule, received, attempts, now, QueueId{42});
    const WallTime planned = after_s(400LL * attempts * attempts);
    EXPECT_GE(next, planned);
    EXPECT_LT(next, planned + seconds(50));
    now = next;
  }
}

TEST(Schedule, SpreadsMessagesButIsTheSameForOne) {
  const Schedule schedule;
  std::set<WallTime> times;
  for (std::uint64_t id = 1; id <= 100; ++id) {
    const WallTime next = next_attempt(schedule, received, 1, received, QueueId{id});
    EXPECT_EQ(next, next_attempt(schedule, received, 1, received, QueueId{id}));
    times.insert(next);
  }
  EXPECT_GT(times.size(), 90u);
}

TEST(Schedule, DoesNotMakeUpForMissedAttempts) {
  const Schedule schedule;
  const WallTime now = after_s(100'000);
  const WallTime next = next_attempt(schedule, received, 1, now, QueueId{1});
  EXPECT_GT(next, now);
  EXPECT_LT(next, now + seconds(2'100));  // the step from n = 100 to 101 is 2,010 s
}

TEST(Schedule, EndsAtExpiry) {
  const Schedule schedule{.step = seconds(10), .time_to_live = seconds(1'000)};
  EXPECT_FALSE(is_expired(schedule, received, after_s(999)));
  EXPECT_TRUE(is_expired(schedule, received, after_s(1'000)));
  EXPECT_EQ(next_attempt(schedule, received, 10, after_s(999), QueueId{1}), after_s(1'000));
  EXPECT_EQ(next_attempt(schedule, received, 65'535, received, QueueId{1}), after_s(1'000));
  EXPECT_EQ(next_attempt(schedule, received, 1, after_s(5'000), QueueId{1}), after_s(1'000));
}

TEST(Schedule, WarnsOnceForEachInterval) {
  const std::array intervals{seconds(400), seconds(100)};
  EXPECT_EQ(next_warning(intervals, received, received), after_s(100));
  EXPECT_EQ(next_warning(intervals, received, after_s(99)), after_s(100));
  EXPECT_EQ(next_warning(intervals, received, after_s(100)), after_s(400));
  EXPECT_EQ(next_warning(intervals, received, after_s(400)), std::nullopt);
  EXPECT_EQ(next_warning({}, received, received), std::nullopt);
  EXPECT_EQ(warning_from(intervals, received, after_s(100)), after_s(100));
  EXPECT_EQ(warning_from(intervals, received, after_s(101)), after_s(400));
  EXPECT_EQ(warning_from(intervals, received, after_s(401)), std::nullopt);
  EXPECT_EQ(warning_from({}, received, received), std::nullopt);
}

TEST(Schedule, SurvivesAbsurdSettings) {
  const Schedule none{.step = seconds(0), .time_to_live = seconds(0)};
  EXPECT_EQ(next_attempt(none, received, 1, received, QueueId{1}), received);
  EXPECT_TRUE(is_expired(none, received, received));
}

TEST(ReadyQueue, GivesTheLongestDueFirstAndNoMoreThanTheWindow) {
  ReadyQueue queue(2);
  for (std::uint32_t i = 0; i < 4; ++i)
    queue.add({.due = after_s(10 - i), .id = QueueId{i}, .recipient = 0});
  EXPECT_EQ(queue.next_due(), after_s(7));
  EXPECT_FALSE(queue.take(after_s(6)));
  EXPECT_EQ(queue.take(after_s(20))->id, QueueId{3});
  EXPECT_EQ(queue.take(after_s(20))->id, QueueId{2});
  EXPECT_FALSE(queue.take(after_s(20)));
  EXPECT_EQ(queue.active(), 2u);
  queue.done();
  EXPECT_EQ(queue.take(after_s(20))->id, QueueId{1});
  EXPECT_EQ(queue.waiting(), 1u);
}

TEST(ReadyQueue, RemovesWhatWaits) {
  ReadyQueue queue(1);
  const QueuedRecipient entry{.due = after_s(1), .id = QueueId{1}, .recipient = 2};
  queue.add(entry);
  EXPECT_FALSE(queue.remove({.due = after_s(2), .id = QueueId{1}, .recipient = 2}));
  EXPECT_TRUE(queue.remove(entry));
  EXPECT_FALSE(queue.next_due());
  EXPECT_FALSE(queue.take(after_s(9)));
}

}  // namespace
}  // namespace ringpost::store
