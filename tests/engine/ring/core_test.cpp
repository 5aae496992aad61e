// Core: messages between cores and threads without a lost wake-up, stopping, timers, the turn's
// hooks and its bounds.
#include "engine/ring/core.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "tests/engine/support.h"

namespace ringpost::ring {
namespace {

// Set without a stop(): what makes `run` look at it has to be the thing under test.
struct Flag : Message {
  Flag() : Message(&Flag::handle) {}
  static void handle(Message& message) {
    static_cast<Flag&>(message).raised.store(true, std::memory_order_relaxed);
  }
  std::atomic<bool> raised{false};
};

// Two cores on threads of their own, which run until `ended`.
class TwoCores {
 public:
  TwoCores() {
    for (std::size_t i = 0; i < 2; ++i) {
      threads_[i] = std::thread([this, i] {
        auto core = test::make_core({.index = static_cast<unsigned>(i)});
        cores[i].store(core.get());
        core->run([] { return true; });
        finished_.fetch_add(1);
        while (!may_end_.load()) std::this_thread::yield();
      });
    }
    for (auto& core : cores)
      while (core.load() == nullptr) std::this_thread::yield();
  }
  void end() {
    for (auto& core : cores) core.load()->stop();
    // Nobody may post to a core that is gone.
    while (finished_.load() < 2) std::this_thread::yield();
    may_end_.store(true);
    for (std::thread& thread : threads_) thread.join();
  }
  Core& operator[](std::size_t i) { return *cores[i].load(); }
  std::atomic<Core*> cores[2]{};

 private:
  std::thread threads_[2];
  std::atomic<int> finished_{0};
  std::atomic<bool> may_end_{false};
};

TEST(CoreTest, EndsAlthoughItIsWokenWhileItEnds) {
  for (int i = 0; i < 3; ++i) {
    auto core = test::make_core();
    core->stop();
    if (i == 1) core->run([] { return true; });
    if (i == 2) {
      test::run_until(*core, [turns = 0]() mutable { return ++turns == 3; });
      core->stop();
    }
    core.reset();  // must come back
  }
}

TEST(CoreTest, StopFromAnotherThreadEndsTheWait) {
  const auto core = test::make_core();
  const Instant start = test::monotonic_now();
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    core->stop();
  });
  core->run([] { return true; });
  stopper.join();
  EXPECT_TRUE(core->stopping());
  EXPECT_LT(test::monotonic_now() - start, seconds(20));
}

TEST(CoreTest, RunGoesOnUntilNothingIsLeft) {
  const auto core = test::make_core();
  core->stop();
  int asked = 0;
  core->run([&] {
    core->turn_again();
    return ++asked == 10;
  });
  EXPECT_EQ(asked, 10);
}

TEST(CoreTest, AThreadWithoutACoreWakesItByPosting) {
  const auto core = test::make_core();
  Flag flag;
  std::thread sender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    core->post(flag);
  });
  const Instant start = test::monotonic_now();
  ASSERT_TRUE(test::run_until(*core, [&] { return flag.raised.load(); }));
  sender.join();
  EXPECT_LT(test::monotonic_now() - start, milliseconds(800));
}

// One message goes to and fro; a wake-up that is lost would cost the second that a wait lasts at
// most.
struct Ball : Message {
  explicit Ball(TwoCores& both) : Message(&Ball::handle), cores(both) {}
  static void handle(Message& message) {
    auto& self = static_cast<Ball&>(message);
    if (self.hops_left-- == 0) {
      self.ended.store(true);
      return;
    }
    self.at ^= 1;
    self.cores[self.at].post(self);
  }
  TwoCores& cores;
  std::size_t at = 0;
  int hops_left = 20'000;
  std::atomic<bool> ended{false};
};

TEST(CoreTest, NoWakeUpIsLostBetweenCores) {
  TwoCores cores;
  Ball ball(cores);
  const Instant start = test::monotonic_now();
  cores[0].post(ball);
  while (!ball.ended.load() && test::monotonic_now() - start < seconds(60))
    std::this_thread::yield();
  EXPECT_TRUE(ball.ended.load());
  EXPECT_LT(test::monotonic_now() - start, seconds(40));
  cores.end();
}

struct Numbered : Message {
  explicit Numbered(std::vector<int>& into, int i) : Message(&Numbered::handle), seen(into), n(i) {}
  static void handle(Message& message) {
    auto& self = static_cast<Numbered&>(message);
    self.seen.push_back(self.n);
  }
  std::vector<int>& seen;
  int n;
};

// Runs on core 0 and floods core 1 from there, by rings; two plain threads do the same by eventfd.
struct Flood : Message {
  explicit Flood(Core& to, std::deque<Numbered>& what)
      : Message(&Flood::handle), target(to), messages(what) {}
  static void handle(Message& message) {
    auto& self = static_cast<Flood&>(message);
    for (Numbered& one : self.messages) self.target.post(one);
  }
  Core& target;
  std::deque<Numbered>& messages;
};

TEST(CoreTest, SeveralSendersReachOneCoreEachInItsOrder) {
  constexpr int count = 5'000;
  TwoCores cores;
  std::vector<std::vector<int>> seen(3);
  std::vector<std::deque<Numbered>> messages(3);
  for (std::size_t s = 0; s < 3; ++s)
    for (int i = 0; i < count; ++i) messages[s].emplace_back(seen[s], i);
  Flood flood(cores[1], messages[0]);
  cores[0].post(flood);
  std::vector<std::thread> threads;
  for (std::size_t s = 1; s < 3; ++s) {
    threads.emplace_back([&, s] {
      for (Numbered& one : messages[s]) cores[1].post(one);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Flag end;
  // Sent after all of the threads', but the flood of core 0 may still be under way.
  struct Last : Message {
    explicit Last(Core& to, Flag& what) : Message(&Last::handle), target(to), flag(what) {}
    static void handle(Message& message) {
      auto& self = static_cast<Last&>(message);
      self.target.post(self.flag);
    }
    Core& target;
    Flag& flag;
  } last(cores[1], end);
  cores[0].post(last);
  const Instant start = test::monotonic_now();
  while (!end.raised.load() && test::monotonic_now() - start < seconds(20))
    std::this_thread::yield();
  ASSERT_TRUE(end.raised.load());
  cores.end();
  for (const auto& one : seen) {
    ASSERT_EQ(one.size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(std::ranges::is_sorted(one));
  }
}

// The message of the last turn of a core that ends reaches the other core without delay.
TEST(CoreTest, WhatTheLastTurnPostedIsSubmitted) {
  TwoCores cores;
  Flag flag;
  std::thread sender([&] {
    const auto core = test::make_core();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // let core 0 fall asleep
    core->at_turn_end([&] {
      cores[0].post(flag);
      core->stop();
    });
    const Instant start = test::monotonic_now();
    core->turn_again();
    core->run([] { return true; });
    while (!flag.raised.load() && test::monotonic_now() - start < seconds(5))
      std::this_thread::yield();
    EXPECT_LT(test::monotonic_now() - start, milliseconds(700));
  });
  sender.join();
  EXPECT_TRUE(flag.raised.load());
  cores.end();
}

TEST(CoreTest, HooksRunInOrderAtTheEndOfEveryTurn) {
  const auto core = test::make_core();
  std::vector<int> order;
  Flag flag;
  core->at_turn_end([&] {
    order.push_back(1);
    core->turn_again();
  });
  core->at_turn_end([&] { order.push_back(2); });
  core->post(flag);
  const Instant start = test::monotonic_now();
  ASSERT_TRUE(test::run_until(*core, [&] { return order.size() >= 20; }));
  EXPECT_LT(test::monotonic_now() - start, milliseconds(800));
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i % 2 == 0 ? 1 : 2);
}

struct Alarm {
  void fired() { raised = true; }
  bool raised = false;
  TimerOf<Alarm, &Alarm::fired> timer{*this};
};

// An operation that is prepared again at once, for ever.
struct Busy {
  explicit Busy(Core& owner) : core(owner) {}
  void prepare() {
    io_uring_sqe* sqe = core.ring().entry();
    io_uring_prep_nop(sqe);
    core.ring().bind(sqe, operation);
  }
  void done(Completion) {
    ++count;
    if (!enough) prepare();
  }
  Core& core;
  bool enough = false;
  std::uint64_t count = 0;
  OperationOf<Busy, &Busy::done> operation{*this};
};

TEST(CoreTest, BusyPeersDoNotStarveTimersAndMessages) {
  const auto core = test::make_core({.completions_per_turn_max = 16});
  std::deque<Busy> peers;
  for (int i = 0; i < 200; ++i) peers.emplace_back(*core).prepare();
  Alarm alarm;
  core->timers().arm(alarm.timer, core->now() + milliseconds(20));
  Flag flag;
  core->post(flag);
  ASSERT_TRUE(test::run_until(*core, [&] { return alarm.raised && flag.raised.load(); }));
  for (Busy& peer : peers) {
    EXPECT_GT(peer.count, 0u);
    peer.enough = true;
  }
  ASSERT_TRUE(test::run_until(*core, [&] {
    return std::ranges::none_of(peers, [](Busy& peer) { return peer.operation.in_flight(); });
  }));
}

TEST(CoreTest, TheClockStandsStillWithinATurn) {
  const auto core = test::make_core();
  Instant first{};
  core->at_turn_end([&] {
    first = core->now();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(core->now(), first);
    core->turn_again();
  });
  int turns = 0;
  Instant before = core->now();
  ASSERT_TRUE(test::run_until(*core, [&] {
    if (turns++ > 0) {
      EXPECT_GT(core->now(), before);
    }
    before = core->now();
    return turns == 5;
  }));
  EXPECT_GT(core->wall().seconds(), 1'600'000'000);
}

TEST(CoreTest, CreationWithoutDescriptorsIsAFault) {
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit none{0, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto core = Core::create({});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  ASSERT_FALSE(core.has_value());
  EXPECT_EQ(core.error().code, EMFILE);
  EXPECT_EQ(core.error().operation, "io_uring_setup");
}

// A message that frees itself, to a core that does not look any more.
struct OwnMessage : Message {
  explicit OwnMessage(int& count)
      : Message(&OwnMessage::arrived, &OwnMessage::lost), freed(count) {}
  static void arrived(Message&) { ADD_FAILURE() << "handled"; }
  static void lost(Message& message) {
    auto* own = static_cast<OwnMessage*>(&message);
    ++own->freed;
    delete own;
  }
  int& freed;
};

TEST(CoreTest, MessagesThatComeTooLateAreDropped) {
  int freed = 0;
  const auto core = test::make_core();
  core->post(*new OwnMessage(freed));
  core->post(*new OwnMessage(freed));
  core->drop_messages();
  EXPECT_EQ(freed, 2);
  core->drop_messages();
  EXPECT_EQ(freed, 2);
}

}  // namespace
}  // namespace ringpost::ring
