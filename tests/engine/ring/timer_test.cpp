// TimerWheel against a naive model over random seeds, and the cases that a wheel gets wrong.
#include "engine/ring/timer.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::ring {
namespace {

constexpr std::int64_t tick_ns = 8'000'000;  // the promise of timer.h

struct Alarm {
  std::function<void()> on_fire = [] {};
  void fired() { on_fire(); }
  TimerOf<Alarm, &Alarm::fired> timer{*this};
};

// The model: what is armed, and the tick from which on an advance has to fire it.
class Model {
 public:
  explicit Model(Instant now) : wheel_(now), now_(now) {
    for (std::size_t i = 0; i < alarms_.size(); ++i) alarms_[i].on_fire = [this, i] { fired(i); };
  }
  ~Model() {
    for (Alarm& alarm : alarms_) wheel_.disarm(alarm.timer);
  }

  void arm(std::size_t i, Instant deadline) {
    wheel_.arm(alarms_[i].timer, deadline);
    const std::int64_t wanted = (deadline.ns + tick_ns - 1) / tick_ns;
    due_[i] = std::max(wanted, now_.ns / tick_ns + 1);
    ASSERT_TRUE(alarms_[i].timer.armed());
  }
  void disarm(std::size_t i) {
    wheel_.disarm(alarms_[i].timer);
    due_.erase(i);
    ASSERT_FALSE(alarms_[i].timer.armed());
  }
  void advance(Instant now) {
    now_ = now;
    wheel_.advance(now);
    for (const auto& [i, tick] : due_)
      ASSERT_GT(tick, now.ns / tick_ns) << "timer " << i << " was missed";
    check_next();
  }
  std::size_t armed() const { return due_.size(); }
  std::size_t fired_count() const { return fired_; }
  Instant next() const { return wheel_.next(); }
  Instant now() const { return now_; }

  std::function<void(std::size_t)> in_handler = [](std::size_t) {};

 private:
  void fired(std::size_t i) {
    ++fired_;
    ASSERT_TRUE(due_.contains(i)) << "timer " << i << " fired although it was not armed";
    ASSERT_LE(due_[i], now_.ns / tick_ns) << "timer " << i << " fired early";
    due_.erase(i);
    in_handler(i);
  }
  // Sleeping until next() must neither be too long nor no sleep at all.
  void check_next() const {
    const Instant next = wheel_.next();
    ASSERT_GT(next, now_);
    for (const auto& [i, tick] : due_) ASSERT_LE(next.ns, tick * tick_ns) << "timer " << i;
  }

  TimerWheel wheel_;
  Instant now_;
  std::array<Alarm, 64> alarms_;
  std::map<std::size_t, std::int64_t> due_;
  std::size_t fired_ = 0;
};

// Deadlines from the past over every level of the wheel to beyond its horizon (about 37 hours).
Instant random_deadline(std::mt19937_64& random, Instant now) {
  switch (random() % 8) {
    case 0:
      return now;
    case 1:
      return Instant{now.ns - static_cast<std::int64_t>(random() % 1'000'000'000)};
    case 2:
      return now + microseconds(static_cast<std::int64_t>(random() % 20'000));
    case 3:
      return now + milliseconds(static_cast<std::int64_t>(random() % 1'000));
    case 4:
      return now + seconds(static_cast<std::int64_t>(random() % 60));
    case 5:
      return now + seconds(static_cast<std::int64_t>(random() % 3'600));
    case 6:
      return now + seconds(static_cast<std::int64_t>(random() % 400'000));
    default: {  // exactly on a tick
      const Duration away = milliseconds(8) * static_cast<std::int64_t>(random() % 5'000);
      return Instant{now.ns / tick_ns * tick_ns} + away;
    }
  }
}

Duration random_step(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0:
      return Duration{0};
    case 1:
      return milliseconds(static_cast<std::int64_t>(random() % 8));
    case 2:
      return milliseconds(static_cast<std::int64_t>(random() % 100));
    case 3:
      return seconds(static_cast<std::int64_t>(random() % 10));
    case 4:
      return seconds(static_cast<std::int64_t>(random() % 700));
    default:
      return random() % 64 == 0 ? seconds(200'000) : milliseconds(8);
  }
}

void random_run(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Model model(Instant{static_cast<std::int64_t>(random() % 1'000'000'000'000'000)});
  model.in_handler = [&](std::size_t i) {
    if (random() % 3 == 0) model.arm(i, random_deadline(random, model.now()));
    if (random() % 4 == 0) model.arm(random() % 64, random_deadline(random, model.now()));
    if (random() % 4 == 0) model.disarm(random() % 64);
  };
  for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) {
    const std::size_t i = random() % 64;
    if (random() % 3 != 0) model.arm(i, random_deadline(random, model.now()));
    if (random() % 5 == 0) model.disarm(random() % 64);
    // As the loop does it now and then: sleep exactly as long as the wheel allows.
    const bool sleep = random() % 4 == 0 && model.next() != never;
    model.advance(sleep ? model.next() : model.now() + random_step(random));
  }
}

TEST(TimerWheelTest, AgreesWithANaiveModelOverRandomSeeds) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    random_run(seed);
    if (HasFailure()) return;
  }
}

TEST(TimerWheelTest, SleepingUntilNextReachesAFarDeadlineInFewSteps) {
  for (const std::int64_t away : {1LL, 60LL, 3'600LL, 86'400LL, 10LL * 86'400}) {
    Model model(Instant{123'456'789'012'345});
    const Instant deadline = model.now() + seconds(away);
    model.arm(0, deadline);
    int steps = 0;
    while (model.armed() == 1 && ++steps < 100) model.advance(model.next());
    EXPECT_EQ(model.armed(), 0u) << away;
    EXPECT_LT(steps, 20) << away;
    EXPECT_GE(model.now(), deadline);
    EXPECT_LT(model.now() - deadline, milliseconds(8));
  }
}

TEST(TimerWheelTest, NeverIsADeadlineToo) {
  Model model(Instant{1'000'000'000});
  model.arm(0, Instant{never.ns - tick_ns});
  Alarm alarm;
  TimerWheel wheel(Instant{1'000'000'000});
  alarm.on_fire = [] { FAIL(); };
  wheel.arm(alarm.timer, never);
  wheel.advance(Instant{1'000'000'000} + seconds(1'000'000));
  EXPECT_TRUE(alarm.timer.armed());
  wheel.disarm(alarm.timer);
}

TEST(TimerWheelTest, AHandlerThatArmsForThePastIsCalledOncePerAdvance) {
  TimerWheel wheel(Instant{0});
  Alarm alarm;
  int fired = 0;
  alarm.on_fire = [&] {
    ++fired;
    wheel.arm(alarm.timer, Instant{0});
  };
  wheel.arm(alarm.timer, Instant{0});
  Instant now{0};
  for (int advance = 1; advance <= 10; ++advance) {
    now = now + seconds(3);  // many ticks at once, as after a stall; crosses blocks of every level
    wheel.advance(now);
    EXPECT_EQ(fired, advance);
  }
  wheel.disarm(alarm.timer);
}

TEST(TimerWheelTest, TimersOfOneSlotMayDisarmAndEndEachOther) {
  TimerWheel wheel(Instant{0});
  std::deque<Alarm> alarms(8);
  int fired = 0;
  for (Alarm& alarm : alarms) {
    alarm.on_fire = [&] {
      ++fired;
      for (Alarm& other : alarms) wheel.disarm(other.timer);
    };
    wheel.arm(alarm.timer, Instant{0} + milliseconds(10));
  }
  wheel.advance(Instant{0} + milliseconds(30));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheelTest, AHandlerMayFreeItsOwnTimer) {
  TimerWheel wheel(Instant{0});
  auto* alarm = new Alarm;
  bool fired = false;
  alarm->on_fire = [&fired, alarm] {
    bool& told = fired;  // the closure goes with the alarm
    delete alarm;
    told = true;
  };
  wheel.arm(alarm->timer, Instant{0} + milliseconds(1));
  wheel.advance(Instant{0} + milliseconds(20));
  EXPECT_TRUE(fired);
}

TEST(TimerWheelTest, FiresInTheOrderOfTicks) {
  TimerWheel wheel(Instant{0});
  std::deque<Alarm> alarms(200);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < alarms.size(); ++i) {
    alarms[i].on_fire = [&order, i] { order.push_back(i); };
    // Armed from the latest to the earliest.
    wheel.arm(alarms[i].timer, Instant{0} + milliseconds(8) * static_cast<std::int64_t>(400 - i));
  }
  wheel.advance(Instant{0} + seconds(10));
  ASSERT_EQ(order.size(), alarms.size());
  EXPECT_TRUE(std::ranges::is_sorted(order, std::greater{}));
}

TEST(TimerWheelTest, AnEmptyWheelNeverWakesAnybody) {
  TimerWheel wheel(Instant{0});
  EXPECT_EQ(wheel.next(), never);
  // Slots that disarmed timers leave marked cost a bounded number of wake-ups.
  Alarm alarm;
  for (int i = 0; i < 1000; ++i) {
    wheel.arm(alarm.timer, Instant{0} + milliseconds(8 * i));
    wheel.disarm(alarm.timer);
  }
  int steps = 0;
  while (wheel.next() != never && ++steps < 1000) wheel.advance(wheel.next());
  EXPECT_LE(steps, 130);
}

TEST(TimerWheelDeathTest, AnArmedTimerMustNotGo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        TimerWheel wheel(Instant{0});
        Alarm alarm;
        wheel.arm(alarm.timer, Instant{0} + seconds(1));
      },
      "CHECK failed");
}

}  // namespace
}  // namespace ringpost::ring
