// The wheel against a sorted list: the same items at the same time, in the same order of ticks.
#include "store/queue/wheel.h"

#include <iterator>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

struct Items {
  std::vector<Link> links;
  std::vector<Tick> ticks;
  explicit Items(std::size_t count) : links(count), ticks(count) {}
  Link& link(std::uint32_t i) { return links[i]; }
  Tick tick(std::uint32_t i) const { return ticks[i]; }
};

constexpr std::size_t plenty = 1'000'000;

TEST(Wheel, IsNeverEarly) {
  const Instant origin{12'345};
  Wheel wheel(origin);
  Items items(1);
  const Instant due = origin + seconds(1);
  items.ticks[0] = wheel.tick_at(due);
  wheel.insert(0, items);
  std::size_t steps = plenty;
  EXPECT_EQ(wheel.take(wheel.tick_by(due - Duration{1}), steps, items), no_item);
  EXPECT_LE(due, wheel.begin_of(wheel.next_tick()));
  EXPECT_LT(wheel.begin_of(wheel.next_tick()) - due, wheel_tick);
  EXPECT_EQ(wheel.take(wheel.tick_by(due + wheel_tick), steps, items), 0u);
  EXPECT_EQ(wheel.next_tick(), never_tick);
}

TEST(Wheel, KeepsTheOrderOfEquals) {
  Wheel wheel(Instant{});
  Items items(100);
  for (std::uint32_t i = 0; i < 100; ++i) {
    items.ticks[i] = 70'000;
    wheel.insert(i, items);
  }
  std::size_t steps = plenty;
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(wheel.take(70'000, steps, items), i);
}

TEST(Wheel, StopsWhenStepsAreUsedUpAndGoesOn) {
  Wheel wheel(Instant{});
  Items items(1'000);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    items.ticks[i] = 300 + i % 7;
    wheel.insert(i, items);
  }
  std::size_t taken = 0;
  for (int call = 0; call < 10'000 && taken < 1'000; ++call) {
    std::size_t steps = 3;
    while (wheel.take(400, steps, items) != no_item) ++taken;
    EXPECT_TRUE(steps == 0 || taken == 1'000);
  }
  EXPECT_EQ(taken, 1'000u);
}

TEST(Wheel, ReachesFarAndNever) {
  Wheel wheel(Instant{});
  Items items(2);
  items.ticks = {0xffff'fffe, never_tick};
  wheel.insert(0, items);
  wheel.insert(1, items);
  EXPECT_LE(wheel.next_tick(), 0xffff'fffeu);
  std::size_t steps = plenty;
  EXPECT_EQ(wheel.take(0xffff'fffe, steps, items), 0u);
  EXPECT_EQ(wheel.take(0xffff'fffe, steps, items), no_item);
  EXPECT_EQ(wheel.tick_at(never), never_tick);
  EXPECT_EQ(wheel.begin_of(never_tick), never);
}

// Items inserted, erased and taken at random, with jumps of all sizes.
class Comparison {
 public:
  explicit Comparison(std::uint32_t seed) : random_(seed) {
    for (std::uint32_t i = 0; i < count; ++i) idle_.insert(i);
  }
  void step() {
    const auto choice = random_() % 10;
    if (choice < 5 && !idle_.empty()) {
      insert(*idle_.begin());
    } else if (choice < 7 && !sorted_.empty()) {
      auto at = sorted_.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random_() % sorted_.size()));
      wheel_.erase(at->second, items_);
      remove(*at);
    } else {
      go_on();
    }
  }

 private:
  static constexpr std::uint32_t count = 500;

  Tick some_ticks() { return static_cast<Tick>(random_() >> (random_() % 24 + 8)); }
  void insert(std::uint32_t i) {
    idle_.erase(i);
    items_.ticks[i] = now_ + some_ticks();
    wheel_.insert(i, items_);
    sorted_.emplace(items_.ticks[i], i);
  }
  void remove(std::pair<Tick, std::uint32_t> item) {
    EXPECT_EQ(sorted_.erase(item), 1u);
    idle_.insert(item.second);
  }
  void go_on() {
    now_ += some_ticks();
    if (!sorted_.empty()) EXPECT_LE(wheel_.next_tick(), sorted_.begin()->first);
    std::size_t steps = plenty;
    Tick last = 0;
    for (std::uint32_t i = wheel_.take(now_, steps, items_); i != no_item;
         i = wheel_.take(now_, steps, items_)) {
      EXPECT_LE(last, items_.ticks[i]);
      last = items_.ticks[i];
      remove({items_.ticks[i], i});
    }
    EXPECT_TRUE(sorted_.empty() || sorted_.begin()->first > now_);
  }

  std::mt19937 random_;
  Wheel wheel_{Instant{}};
  Items items_{count};
  std::set<std::pair<Tick, std::uint32_t>> sorted_;
  std::set<std::uint32_t> idle_;
  Tick now_ = 0;
};

TEST(Wheel, AgreesWithASortedList) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    Comparison comparison(seed);
    for (int step = 0; step < 3'000 && !::testing::Test::HasFailure(); ++step) comparison.step();
  }
}

}  // namespace
}  // namespace ringpost::store
