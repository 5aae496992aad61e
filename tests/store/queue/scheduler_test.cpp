// Who is due, who gets a connection, what goes over it, and what holds the others.
#include "store/queue/scheduler.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

constexpr Instant origin{1'000'000'000'000};
constexpr Instant after_s(std::int64_t n) { return origin + seconds(n); }

class SchedulerTest : public ::testing::Test {
 protected:
  DestinationId domain(const std::string& name, std::uint16_t limits = 0) {
    return scheduler.destination(name, limits, now);
  }
  RecipientKey add(std::uint64_t id, DestinationId destination, std::uint32_t sender = 1,
                   std::uint32_t recipient = 0) {
    const RecipientKey key{QueueId{id}, recipient};
    scheduler.add({.key = key, .destination = destination, .sender = sender, .due = now}, now);
    return key;
  }
  std::vector<RecipientKey> take(SessionId session) {
    std::vector<RecipientKey> room(100);
    room.resize(scheduler.take(session, now, room).count);
    return room;
  }
  std::vector<Scheduler::Start> start_all() {
    std::vector<Scheduler::Start> starts;
    while (const auto start = scheduler.start(now)) starts.push_back(*start);
    return starts;
  }
  void go_to(Instant time) {
    now = time;
    while (scheduler.advance(now, 1'000)) continue;
  }
  void use(const DestinationLimits& limits) { scheduler.define_limits(1, limits); }
  void allow(std::uint32_t sessions, std::uint32_t recipients = 20'000) {
    scheduler.allow({sessions, recipients});
  }

  Instant now = origin;
  Scheduler scheduler{{}, origin, {1, 2}};
};

TEST_F(SchedulerTest, TakesWhatIsDueAtOnce) {
  const RecipientKey key = add(1, domain("a.example"));
  const auto start = scheduler.start(now);
  ASSERT_TRUE(start);
  EXPECT_TRUE(start->is_new);
  EXPECT_EQ(start->destination, domain("a.example"));
  EXPECT_FALSE(scheduler.start(now));
  EXPECT_EQ(take(start->session), std::vector{key});
  EXPECT_EQ(scheduler.state_of(key), RecipientState::UnderWay);
  EXPECT_TRUE(take(start->session).empty());
  scheduler.succeeded(start->session, now);
  EXPECT_TRUE(scheduler.forget(key, now));
  EXPECT_FALSE(scheduler.forget(key, now));
  scheduler.close(start->session, now);
  EXPECT_EQ(scheduler.recipients(), 0u);
  EXPECT_EQ(scheduler.sessions(), 0u);
}

TEST_F(SchedulerTest, WaitsUntilTheNextAttemptIsDue) {
  const RecipientKey key = add(1, domain("a.example"));
  const SessionId session = scheduler.start(now)->session;
  take(session);
  scheduler.again(key, after_s(400), after_s(14'400), now);
  scheduler.close(session, now);
  EXPECT_EQ(scheduler.why(key, now).obstacle, Obstacle::Retry);
  EXPECT_GE(scheduler.why(key, now).until, after_s(400));
  EXPECT_LT(scheduler.why(key, now).until, after_s(401));
  go_to(after_s(399));
  EXPECT_TRUE(start_all().empty());
  EXPECT_GE(scheduler.next_wake(), now);
  EXPECT_LE(scheduler.next_wake(), after_s(401));
  go_to(after_s(401));
  EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, GathersTheRecipientsOfAMessage) {
  const DestinationId a = domain("a.example");
  for (std::uint32_t i = 0; i < 150; ++i) add(7, a, 1, i);
  add(8, a, 1);
  const auto starts = start_all();
  // Two messages, so two connections, though there are 151 recipients.
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(take(starts[0].session).size(), 100u);
  EXPECT_EQ(take(starts[0].session).size(), 50u);
  const auto last = take(starts[1].session);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].id, QueueId{8});
}

TEST_F(SchedulerTest, CountsGroupsWhateverLeavesThem) {
  const DestinationId a = domain("a.example");
  for (std::uint32_t i = 0; i < 3; ++i) add(7, a, 1, i);
  add(8, a, 1);
  add(7, a, 1, 3);
  scheduler.forget({QueueId{7}, 1}, now);
  scheduler.forget({QueueId{7}, 0}, now);
  scheduler.hold({QueueId{8}, 0}, now);  // what stood on both sides of it is one group now
  EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, BeginsWithFewConnectionsAndGrows) {
  use({.connections_initial = 2, .connections_max = 6});
  const DestinationId a = domain("a.example", 1);
  for (std::uint64_t id = 1; id <= 100; ++id) add(id, a);
  auto starts = start_all();
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(scheduler.why({QueueId{50}, 0}, now).obstacle, Obstacle::ConnectionLimit);
  for (int round = 0; round < 3; ++round) {
    for (const auto& start : std::vector(starts)) {
      for (const RecipientKey& key : take(start.session)) scheduler.forget(key, now);
      scheduler.succeeded(start.session, now);
    }
    for (const auto& start : start_all()) starts.push_back(start);
  }
  EXPECT_EQ(starts.size(), 6u);
  EXPECT_EQ(scheduler.figures(a, now).window, 6);
}

TEST_F(SchedulerTest, LeavesADeadDestinationAloneAndKeepsItsMailReady) {
  const DestinationId a = domain("dead.example");
  for (std::uint64_t id = 1; id <= 50; ++id) add(id, a);
  int failures = 0;
  bool left_alone = false;
  for (const auto& start : start_all()) {
    left_alone = scheduler.fail(start.session, now, "connection refused");
    ++failures;
  }
  EXPECT_TRUE(left_alone);
  EXPECT_EQ(failures, 5);
  EXPECT_TRUE(start_all().empty());
  const Why why = scheduler.why({QueueId{1}, 0}, now);
  EXPECT_EQ(why.obstacle, Obstacle::DestinationLeftAlone);
  EXPECT_GE(why.until, after_s(60));
  EXPECT_LE(why.until, after_s(68));
  EXPECT_EQ(scheduler.figures(a, now).last_failure, "connection refused");
  EXPECT_EQ(scheduler.figures(a, now).ready, 50u);
  // Then one connection is tried, and the pauses grow.
  Duration pause = why.until - now;
  for (int i = 0; i < 10; ++i) {
    go_to(scheduler.why({QueueId{1}, 0}, now).until + seconds(1));
    const auto probes = start_all();
    ASSERT_EQ(probes.size(), 1u);
    EXPECT_TRUE(scheduler.fail(probes[0].session, now, "timed out"));
    const Duration next = scheduler.why({QueueId{1}, 0}, now).until - now;
    EXPECT_GT(next + seconds(450), pause);
    EXPECT_LE(next, seconds(4'051));
    pause = next;
  }
  // It comes back: all flows again.
  go_to(now + seconds(5'000));
  const auto probes = start_all();
  ASSERT_EQ(probes.size(), 1u);
  take(probes[0].session);
  scheduler.succeeded(probes[0].session, now);
  EXPECT_GE(start_all().size(), 1u);
  EXPECT_EQ(scheduler.figures(a, now).last_failure, "");
}

TEST_F(SchedulerTest, TellsWhoseDeadlineHasPassed) {
  const DestinationId a = domain("a.example");
  const RecipientKey waits{QueueId{1}, 0}, ready{QueueId{2}, 0}, held{QueueId{3}, 0};
  scheduler.add({.key = waits, .destination = a, .due = after_s(900), .deadline = after_s(500)},
                now);
  scheduler.add({.key = ready, .destination = a, .due = now, .deadline = after_s(500)}, now);
  scheduler.add({.key = held, .destination = a, .due = now, .deadline = after_s(500), .held = true},
                now);
  scheduler.pause(a, now);
  go_to(after_s(499));
  EXPECT_FALSE(scheduler.next_overdue());
  go_to(after_s(501));
  std::set<RecipientKey> overdue;
  while (const auto key = scheduler.next_overdue()) overdue.insert(*key);
  EXPECT_EQ(overdue, (std::set{waits, ready}));
  EXPECT_EQ(scheduler.state_of(ready), RecipientState::UnderWay);
  scheduler.again(ready, now, after_s(1'000), now);
  EXPECT_EQ(scheduler.state_of(ready), RecipientState::Ready);
  EXPECT_EQ(scheduler.state_of(held), RecipientState::Held);
}

TEST_F(SchedulerTest, SpacesConnections) {
  use({.connection_interval = seconds(10)});
  const DestinationId a = domain("a.example", 1);
  for (std::uint64_t id = 1; id <= 100; ++id) add(id, a);
  EXPECT_EQ(start_all().size(), 1u);
  EXPECT_EQ(scheduler.why({QueueId{9}, 0}, now).obstacle, Obstacle::ConnectionInterval);
  EXPECT_EQ(scheduler.why({QueueId{9}, 0}, now).until, after_s(10));
  go_to(after_s(9));
  EXPECT_EQ(start_all().size(), 0u);
  go_to(after_s(11));
  EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, SpacesTransactions) {
  use({.transaction_interval = seconds(2)});
  const DestinationId a = domain("a.example", 1);
  for (std::uint64_t id = 1; id <= 100; ++id) add(id, a);
  auto starts = start_all();
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_EQ(take(starts[0].session).size(), 1u);
  scheduler.succeeded(starts[0].session, now);
  EXPECT_EQ(scheduler.why({QueueId{9}, 0}, now).obstacle, Obstacle::TransactionInterval);
  EXPECT_TRUE(take(starts[0].session).empty());
  scheduler.idle(starts[0].session, now);
  int transactions = 1;
  for (int tenths = 1; tenths <= 600; ++tenths) {
    go_to(origin + milliseconds(tenths * 100));
    for (const auto& start : start_all()) {
      EXPECT_FALSE(start.is_new);  // there is an idle one
      transactions += static_cast<int>(take(start.session).size());
      scheduler.succeeded(start.session, now);
      scheduler.idle(start.session, now);
    }
  }
  EXPECT_GE(transactions, 29);
  EXPECT_LE(transactions, 31);
}

TEST_F(SchedulerTest, WearsConnectionsOut) {
  use({.connections_max = 1, .transactions_per_connection = 3});
  const DestinationId a = domain("a.example", 1);
  for (std::uint64_t id = 1; id <= 4; ++id) add(id, a);
  const SessionId session = scheduler.start(now)->session;
  std::vector<RecipientKey> room(10);
  EXPECT_FALSE(scheduler.take(session, now, room).is_worn_out);
  EXPECT_FALSE(scheduler.take(session, now, room).is_worn_out);
  const auto third = scheduler.take(session, now, room);
  EXPECT_EQ(third.count, 1u);
  EXPECT_TRUE(third.is_worn_out);
  const auto fourth = scheduler.take(session, now, room);
  EXPECT_EQ(fourth.count, 0u);
  EXPECT_TRUE(fourth.is_worn_out);
  EXPECT_FALSE(scheduler.start(now));
  scheduler.close(session, now);
  EXPECT_TRUE(scheduler.start(now));
}

TEST_F(SchedulerTest, UsesIdleConnectionsFirst) {
  const DestinationId a = domain("a.example");
  add(1, a);
  const SessionId session = scheduler.start(now)->session;
  take(session);
  scheduler.succeeded(session, now);
  scheduler.idle(session, now);
  EXPECT_FALSE(scheduler.start(now));
  allow(1);
  add(2, a);
  const auto start = scheduler.start(now);
  ASSERT_TRUE(start);
  EXPECT_FALSE(start->is_new);
  EXPECT_EQ(start->session, session);
  EXPECT_EQ(take(session).size(), 1u);
  scheduler.idle(session, now);
  scheduler.close(session, now);
  EXPECT_EQ(scheduler.sessions(), 0u);
}

TEST_F(SchedulerTest, GivesUpIdleConnectionsForOthers) {
  allow(1);
  add(1, domain("a.example"));
  const SessionId session = scheduler.start(now)->session;
  take(session);
  scheduler.idle(session, now);
  EXPECT_FALSE(scheduler.start(now));
  EXPECT_FALSE(scheduler.surplus());
  add(2, domain("b.example"));
  EXPECT_FALSE(scheduler.start(now));
  EXPECT_EQ(scheduler.surplus(), session);
  scheduler.close(session, now);
  EXPECT_TRUE(scheduler.start(now));
  EXPECT_FALSE(scheduler.surplus());
}

TEST_F(SchedulerTest, TakesPlacesFromThoseWhoHaveMore) {
  allow(4);
  use({.connections_initial = 4});
  const DestinationId many = domain("many.example", 1);
  for (std::uint64_t id = 1; id <= 100; ++id) add(id, many);
  const auto starts = start_all();
  ASSERT_EQ(starts.size(), 2u);
  for (const auto& start : starts) {
    take(start.session);
    scheduler.succeeded(start.session, now);
  }
  add(200, domain("b.example"));
  add(300, domain("c.example"));
  add(400, domain("d.example"));
  EXPECT_EQ(start_all().size(), 1u);  // three of four: the last place is for those that answer
  std::vector<RecipientKey> room(10);
  const auto taken = scheduler.take(starts[0].session, now, room);
  EXPECT_EQ(taken.count, 0u);
  EXPECT_TRUE(taken.is_worn_out);
  EXPECT_EQ(scheduler.take(starts[1].session, now, room).count, 1u);  // one place was wanted
  scheduler.close(starts[0].session, now);
  EXPECT_EQ(start_all().size(), 1u);
  EXPECT_EQ(scheduler.take(starts[1].session, now, room).count, 1u);  // it has no more than others
}

TEST_F(SchedulerTest, GivesOneDestinationAtMostHalfOfThePlaces) {
  allow(40);
  use({.connections_initial = 100, .connections_max = 100});
  const DestinationId huge = domain("huge.example", 1);
  for (std::uint64_t id = 1; id <= 1'000; ++id) add(id, huge);
  EXPECT_EQ(start_all().size(), 20u);
  EXPECT_EQ(scheduler.why({QueueId{999}, 0}, now).obstacle, Obstacle::SessionsMax);
  const DestinationId small = domain("small.example");
  add(2'000, small);
  const auto starts = start_all();
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_EQ(starts[0].destination, small);
}

TEST_F(SchedulerTest, KeepsPlacesForDestinationsThatAnswer) {
  allow(40);
  const DestinationId good = domain("good.example");
  add(1, good);
  const SessionId session = scheduler.start(now)->session;
  take(session);
  scheduler.succeeded(session, now);
  scheduler.close(session, now);
  for (std::uint64_t id = 2; id <= 500; ++id) add(id, domain("slow" + std::to_string(id)));
  EXPECT_EQ(start_all().size(), 30u);
  EXPECT_EQ(scheduler.why({QueueId{500}, 0}, now).obstacle, Obstacle::SessionsMax);
  add(1'000, good);
  const auto starts = start_all();
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_EQ(starts[0].destination, good);
}

TEST_F(SchedulerTest, LetsSendersTakeTurns) {
  const DestinationId a = domain("a.example");
  for (std::uint64_t id = 1; id <= 1'000; ++id) add(id, a, 1);
  add(2'000, a, 2);
  add(3'000, a, 3);
  const SessionId session = scheduler.start(now)->session;
  std::set<std::uint64_t> first;
  for (int i = 0; i < 3; ++i) first.insert(take(session)[0].id.value);
  EXPECT_TRUE(first.contains(2'000) && first.contains(3'000));
}

TEST_F(SchedulerTest, BoundsWhatIsUnderWay) {
  allow(100, 10);
  const DestinationId a = domain("a.example");
  for (std::uint32_t i = 0; i < 30; ++i) add(1, a, 1, i);
  add(2, a);
  const SessionId session = scheduler.start(now)->session;
  EXPECT_EQ(take(session).size(), 10u);
  EXPECT_EQ(scheduler.under_way(), 10u);
  EXPECT_TRUE(take(session).empty());
  EXPECT_FALSE(scheduler.start(now));
  EXPECT_EQ(scheduler.why({QueueId{2}, 0}, now).obstacle, Obstacle::RecipientsMax);
  scheduler.forget({QueueId{1}, 0}, now);
  EXPECT_EQ(take(session).size(), 1u);
}

TEST_F(SchedulerTest, PausesAndResumes) {
  const DestinationId a = domain("a.example");
  const RecipientKey key = add(1, a);
  scheduler.pause(a, now);
  EXPECT_TRUE(start_all().empty());
  EXPECT_EQ(scheduler.why(key, now).obstacle, Obstacle::DestinationPaused);
  EXPECT_TRUE(scheduler.figures(a, now).paused);
  scheduler.resume(a, now);
  scheduler.pause_all(true);
  EXPECT_TRUE(start_all().empty());
  EXPECT_EQ(scheduler.why(key, now).obstacle, Obstacle::AllPaused);
  scheduler.pause_all(false);
  EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, ResumeTriesAtOnceWhatIsLeftAlone) {
  const DestinationId a = domain("a.example");
  for (std::uint64_t id = 1; id <= 9; ++id) add(id, a);
  for (const auto& start : start_all()) scheduler.fail(start.session, now, "refused");
  EXPECT_TRUE(start_all().empty());
  scheduler.resume(a, now);
  EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, HoldsReleasesHastensAndReroutes) {
  const DestinationId a = domain("a.example"), b = domain("b.example");
  const RecipientKey key{QueueId{1}, 0};
  scheduler.add({.key = key, .destination = a, .due = after_s(900)}, now);
  EXPECT_TRUE(scheduler.hold(key, now));
  EXPECT_EQ(scheduler.why(key, now).obstacle, Obstacle::Held);
  EXPECT_FALSE(scheduler.hasten(key, now));
  go_to(after_s(1'000));
  EXPECT_TRUE(start_all().empty());
  EXPECT_TRUE(scheduler.release(key, now));
  EXPECT_EQ(scheduler.state_of(key), RecipientState::Ready);
  EXPECT_TRUE(scheduler.reroute(key, b, now));
  const auto starts = start_all();
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_EQ(starts[0].destination, b);
  take(starts[0].session);
  EXPECT_FALSE(scheduler.hold(key, now));
  EXPECT_FALSE(scheduler.reroute(key, a, now));
  scheduler.again(key, after_s(5'000), never, now);
  EXPECT_TRUE(scheduler.hasten(key, now));
  EXPECT_EQ(scheduler.state_of(key), RecipientState::Ready);
  EXPECT_FALSE(scheduler.release({QueueId{9}, 9}, now));
  EXPECT_EQ(scheduler.why({QueueId{9}, 9}, now).obstacle, Obstacle::Unknown);
}

TEST_F(SchedulerTest, IsVisitedInSlices) {
  const DestinationId a = domain("a.example"), b = domain("b.example");
  for (std::uint64_t id = 1; id <= 1'000; ++id) add(id, id % 2 == 0 ? a : b);
  std::size_t seen = 0, slices = 0;
  std::uint32_t cursor = 0;
  do {
    ++slices;
    cursor = scheduler.visit(cursor, 64, [&](const Scheduler::Listed& listed) {
      ++seen;
      if (listed.destination == a) scheduler.forget(listed.key, now);
    });
  } while (cursor != 0);
  EXPECT_EQ(seen, 1'000u);
  EXPECT_GE(slices, 16u);
  EXPECT_EQ(scheduler.recipients(), 500u);
  std::set<DestinationId> known;
  EXPECT_EQ(scheduler.visit_destinations(0, 100, [&](DestinationId d) { known.insert(d); }), 0u);
  EXPECT_EQ(known, (std::set{a, b}));
}

TEST_F(SchedulerTest, ForgetsDestinationsThatAreNotUsed) {
  for (int i = 0; i < 100; ++i) domain("d" + std::to_string(i));
  const RecipientKey key = add(1, domain("used.example"));
  scheduler.pause(domain("paused.example"), now);
  EXPECT_EQ(scheduler.destinations(), 102u);
  go_to(after_s(3'700));
  EXPECT_EQ(scheduler.destinations(), 2u);
  EXPECT_FALSE(scheduler.find_destination("d1"));
  scheduler.forget(key, now);
  scheduler.resume(domain("paused.example"), now);
  go_to(after_s(7'500));
  EXPECT_EQ(scheduler.destinations(), 0u);
}

TEST_F(SchedulerTest, DoesBoundedWorkAtATime) {
  const DestinationId a = domain("a.example");
  for (std::uint64_t id = 1; id <= 10'000; ++id)
    scheduler.add({.key = {QueueId{id}, 0}, .destination = a, .due = after_s(500)}, now);
  now = after_s(600);
  int calls = 1;
  while (scheduler.advance(now, 100)) ++calls;
  EXPECT_GE(calls, 100);
  EXPECT_EQ(scheduler.figures(a, now).ready, 10'000u);
}

}  // namespace
}  // namespace ringpost::store
