// The scheduler under random use: it never loses a recipient, keeps its limits, and whatever
// happened before, all mail goes out once nothing holds it.
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/queue/scheduler.h"

namespace ringpost::store {
namespace {

constexpr std::uint32_t sessions_max = 12;
constexpr std::uint32_t recipients_max = 40;

class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed) {
    scheduler_.define_limits(1, {.connections_initial = 2,
                                 .connections_max = 3,
                                 .transactions_per_connection = 4,
                                 .recipients_per_transaction = 3,
                                 .connection_interval = seconds(7)});
    scheduler_.define_limits(2, {.transaction_interval = seconds(3)});
  }

  void step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
        return add_message();
      case 3:
        return operate();
      case 4:
      case 5:
        return go_on(1 + pick(2'000));
      case 6:
      case 7:
        return start();
      case 8:
      case 9:
      case 10:
        return use_session();
      default:
        return settle_one();
    }
  }

  // Nothing is held any more, and every server answers.
  void drain() {
    scheduler_.pause_all(false);
    scheduler_.allow({sessions_max, recipients_max});
    for (int round = 0; round < 5'000 && !known_.empty(); ++round) {
      release_all();
      while (!under_way_.empty()) forget(*under_way_.begin());
      while (!sessions_.empty()) use_well(sessions_.begin()->first);
      go_on(500);
      start();
      start();
    }
    EXPECT_TRUE(known_.empty()) << known_.size() << " recipients never went out";
    EXPECT_EQ(scheduler_.recipients(), 0u);
  }

  void check() {
    EXPECT_EQ(scheduler_.recipients(), known_.size());
    EXPECT_EQ(scheduler_.under_way(), under_way_.size());
    EXPECT_EQ(scheduler_.sessions(), sessions_.size() + idle_.size());
    EXPECT_LE(scheduler_.sessions(), sessions_max);
    std::map<RecipientState, std::size_t> counts;
    scheduler_.visit(0, 100'000, [&](const Scheduler::Listed& listed) {
      EXPECT_TRUE(known_.contains(listed.key));
      ++counts[listed.state];
    });
    EXPECT_EQ(counts[RecipientState::UnderWay], under_way_.size());
  }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  DestinationId some_destination() {
    const std::uint32_t n = pick(6);
    return scheduler_.destination("d" + std::to_string(n), static_cast<std::uint16_t>(n % 3), now_);
  }
  RecipientKey some_recipient() {
    auto at = known_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(pick(static_cast<std::uint32_t>(known_.size()))));
    return *at;
  }

  void add_message() {
    const DestinationId destination = some_destination();
    const std::uint32_t count = 1 + pick(5), sender = pick(3);
    const QueueId id{next_id_++};
    for (std::uint32_t i = 0; i < count; ++i) {
      known_.insert({id, i});
      scheduler_.add({.key = {id, i},
                      .destination = destination,
                      .sender = sender,
                      .due = now_ + seconds(pick(3) == 0 ? pick(1'000) : 0),
                      .deadline = pick(4) == 0 ? never : now_ + seconds(pick(9'000)),
                      .held = pick(9) == 0},
                     now_);
    }
  }
  void operate() {
    const DestinationId destination = some_destination();
    if (pick(4) == 0) scheduler_.pause(destination, now_);
    if (pick(2) == 0) scheduler_.resume(destination, now_);
    if (pick(8) == 0) scheduler_.pause_all(pick(2) == 0);
    if (known_.empty()) return;
    const RecipientKey key = some_recipient();
    const bool is_under_way = under_way_.contains(key);
    switch (pick(5)) {
      case 0:
        EXPECT_EQ(scheduler_.hold(key, now_), !is_under_way);
        break;
      case 1:
        EXPECT_EQ(scheduler_.release(key, now_), !is_under_way);
        break;
      case 2:
        scheduler_.hasten(key, now_);
        break;
      case 3:
        EXPECT_EQ(scheduler_.reroute(key, some_destination(), now_), !is_under_way);
        break;
      default:
        forget(key);
    }
    EXPECT_EQ(scheduler_.why(key, now_).obstacle == Obstacle::Unknown, !known_.contains(key));
  }
  void forget(RecipientKey key) {
    EXPECT_TRUE(scheduler_.forget(key, now_));
    known_.erase(key);
    under_way_.erase(key);
  }
  void go_on(std::uint32_t most_s) {
    now_ = now_ + seconds(pick(most_s));
    while (scheduler_.advance(now_, 1 + pick(50))) continue;
    EXPECT_GE(scheduler_.next_wake(), now_ - wheel_tick);
    while (const auto key = scheduler_.next_overdue()) EXPECT_TRUE(under_way_.insert(*key).second);
  }
  void start() {
    while (const auto start = scheduler_.start(now_)) {
      EXPECT_EQ(idle_.erase(start->session), start->is_new ? 0u : 1u);
      EXPECT_TRUE(sessions_.emplace(start->session, start->destination).second);
    }
    const auto surplus = scheduler_.surplus();
    if (!surplus) return;
    EXPECT_EQ(idle_.erase(*surplus), 1u);
    scheduler_.close(*surplus, now_);
  }
  std::size_t take(SessionId session) {
    std::vector<RecipientKey> room(10);
    const auto taken = scheduler_.take(session, now_, room);
    for (std::size_t i = 0; i < taken.count; ++i) {
      EXPECT_EQ(room[i].id, room[0].id);
      EXPECT_TRUE(under_way_.insert(room[i]).second);
    }
    if (taken.count > 0) EXPECT_LE(under_way_.size(), recipients_max);  // those overdue included
    return taken.count;
  }
  void use_well(SessionId session) {
    while (take(session) > 0) scheduler_.succeeded(session, now_);
    scheduler_.close(session, now_);
    sessions_.erase(session);
  }
  void use_session() {
    if (sessions_.empty()) return;
    const SessionId session = sessions_.begin()->first;
    const auto choice = pick(6);
    if (choice == 0) {
      scheduler_.fail(session, now_, "refused");
    } else if (choice == 1) {
      scheduler_.close(session, now_);
    } else if (take(session) > 0) {
      if (choice < 5) scheduler_.succeeded(session, now_);
      return;
    } else {
      scheduler_.idle(session, now_);
      idle_.insert(session);
    }
    sessions_.erase(session);
  }
  void settle_one() {
    if (under_way_.empty()) return;
    const RecipientKey key = *under_way_.begin();
    if (pick(2) == 0) return forget(key);
    scheduler_.again(key, now_ + seconds(pick(800)), now_ + seconds(pick(9'000)), now_);
    under_way_.erase(key);
  }
  void release_all() {
    for (int n = 0; n < 6; ++n)
      if (const auto d = scheduler_.find_destination("d" + std::to_string(n)))
        scheduler_.resume(*d, now_);
    scheduler_.visit(0, 100'000, [&](const Scheduler::Listed& listed) {
      if (listed.state == RecipientState::Held) scheduler_.release(listed.key, now_);
    });
  }

  std::mt19937 random_;
  Instant now_{5'000'000'000};
  Scheduler scheduler_{{sessions_max, recipients_max}, now_, {3, 4}};
  std::uint64_t next_id_ = 1;
  std::set<RecipientKey> known_, under_way_;
  std::map<SessionId, DestinationId> sessions_;
  std::set<SessionId> idle_;
};

TEST(SchedulerRandom, LosesNothing) {
  for (std::uint32_t seed = 1; seed <= 400 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int step = 0; step < 600; ++step) world.step();
    world.check();
    world.drain();
  }
}

}  // namespace
}  // namespace ringpost::store
