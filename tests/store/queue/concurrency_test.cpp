// How many connections a destination is given.
#include "store/queue/concurrency.h"

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

TEST(Concurrency, GrowsByOneForEachSuccessAtFirst) {
  Concurrency concurrency(5);
  EXPECT_EQ(concurrency.window(), 5);
  for (std::uint16_t i = 0; i < 10; ++i) concurrency.succeeded(concurrency.window(), 100);
  EXPECT_EQ(concurrency.window(), 15);
  for (int i = 0; i < 1'000; ++i) concurrency.succeeded(concurrency.window(), 100);
  EXPECT_EQ(concurrency.window(), 100);
}

TEST(Concurrency, GrowsOnlyWhenItIsUsed) {
  Concurrency concurrency(5);
  for (int i = 0; i < 100; ++i) concurrency.succeeded(2, 100);
  EXPECT_EQ(concurrency.window(), 5);
}

TEST(Concurrency, IsCarefulBeyondHalfOfWhereItFailed) {
  Concurrency concurrency(40);
  EXPECT_FALSE(concurrency.failed());
  EXPECT_EQ(concurrency.window(), 39);
  // Above 20, a whole window of successes for one more.
  for (int i = 0; i < 39; ++i) concurrency.succeeded(concurrency.window(), 100);
  EXPECT_EQ(concurrency.window(), 39);
  concurrency.succeeded(concurrency.window(), 100);
  concurrency.succeeded(concurrency.window(), 100);
  EXPECT_EQ(concurrency.window(), 40);
}

TEST(Concurrency, LeavesAloneAfterAWindowOfFailures) {
  Concurrency concurrency(5);
  int failures = 1;
  while (!concurrency.failed()) ++failures;
  EXPECT_GE(failures, 3);
  EXPECT_LE(failures, 5);
  EXPECT_EQ(concurrency.window(), 1);
  EXPECT_EQ(concurrency.pauses(), 1);
  EXPECT_TRUE(concurrency.failed());  // the single connection that is tried then
  EXPECT_EQ(concurrency.pauses(), 2);
  concurrency.succeeded(1, 100);
  EXPECT_EQ(concurrency.pauses(), 0);
  EXPECT_EQ(concurrency.window(), 2);
}

TEST(Concurrency, ForgivesFailuresAmongSuccesses) {
  Concurrency concurrency(20);
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(concurrency.failed());
    concurrency.succeeded(concurrency.window(), 100);
    concurrency.succeeded(concurrency.window(), 100);
    concurrency.succeeded(concurrency.window(), 100);
  }
  EXPECT_GE(concurrency.window(), 2);
}

TEST(Concurrency, NeverExceedsTheLimit) {
  Concurrency concurrency(5);
  concurrency.succeeded(5, 3);
  EXPECT_EQ(concurrency.window(), 3);
  for (int i = 0; i < 70'000; ++i) concurrency.succeeded(0xfffe, 0xffff);
  EXPECT_LE(concurrency.window(), 60'000);
}

}  // namespace
}  // namespace ringpost::store
