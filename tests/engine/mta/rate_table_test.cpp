// Shares in a table of fixed size, by one thread and by several.
#include "engine/mta/rate_table.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

constexpr HashKey hash_key{1, 2};
constexpr Instant began{1'000'000'000};

Instant after(Duration time) { return began + time; }

TEST(RateTable, AShareIsUsedUpAndComesBack) {
  RateTable table(hash_key, 16, began);
  const Share share{10, seconds(100)};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(table.take("a", share, began)) << i;
  EXPECT_FALSE(table.take("a", share, began));
  EXPECT_FALSE(table.has("a", share, began));
  EXPECT_TRUE(table.take("b", share, began));
  EXPECT_FALSE(table.take("a", share, after(seconds(9))));
  EXPECT_TRUE(table.has("a", share, after(seconds(11))));
  EXPECT_TRUE(table.take("a", share, after(seconds(11))));
  EXPECT_FALSE(table.take("a", share, after(seconds(11))));
  // All of it, after a whole period.
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(table.take("a", share, after(seconds(200)))) << i;
  EXPECT_FALSE(table.take("a", share, after(seconds(200))));
}

TEST(RateTable, ALookTakesNothing) {
  RateTable table(hash_key, 16, began);
  const Share share{1, seconds(60)};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(table.has("a", share, began));
  EXPECT_TRUE(table.take("a", share, began));
  EXPECT_FALSE(table.has("a", share, began));
}

TEST(RateTable, TheFastestShare) {
  RateTable table(hash_key, 16, began);
  const Share share{1000, seconds(1)};
  int taken = 0;
  for (int ms = 0; ms < 3000; ++ms)
    for (int i = 0; i < 2; ++i) taken += table.take("a", share, after(milliseconds(ms))) ? 1 : 0;
  EXPECT_GE(taken, 3900);
  EXPECT_LE(taken, 4100);
}

TEST(RateTable, Marks) {
  RateTable table(hash_key, 16, began);
  EXPECT_FALSE(table.is_marked("a", began));
  table.mark("a", after(seconds(60)));
  EXPECT_TRUE(table.is_marked("a", after(seconds(59))));
  EXPECT_FALSE(table.is_marked("a", after(seconds(61))));
  table.mark("a", after(seconds(120)));
  EXPECT_TRUE(table.is_marked("a", after(seconds(61))));
}

// One set: whoever has used most stays.
TEST(RateTable, AFullTableForgetsWhoUsedLeast) {
  RateTable table(hash_key, 1, began);
  const Share share{10, seconds(100)};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(table.take("hog", share, began));
  for (int i = 0; i < 1000; ++i)
    EXPECT_TRUE(table.take("stranger" + std::to_string(i), share, began)) << i;
  EXPECT_FALSE(table.take("hog", share, began));
}

TEST(RateTable, SeveralThreadsTakeNoMoreThanThereIs) {
  RateTable table(hash_key, 1, began);
  const Share share{5000, seconds(100'000)};
  ASSERT_TRUE(table.take("a", share, began));
  std::atomic<unsigned> taken{1};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 5000; ++k)
        if (table.take("a", share, began)) taken.fetch_add(1);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 5000u);
}

}  // namespace
}  // namespace ringpost::mta
