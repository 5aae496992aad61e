// Connection counts: the limits, alone and from many threads at once.
#include "engine/mta/connection_counts.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

using enum ConnectionCounts::Admission;

TEST(ConnectionCountsTest, LimitPerAddress) {
  ConnectionCounts counts;
  const ConnectionLimits limits{.connections_max = 10, .per_address_max = 2};
  EXPECT_EQ(counts.enter("192.0.2.1", limits), Admitted);
  EXPECT_EQ(counts.enter("192.0.2.1", limits), Admitted);
  EXPECT_EQ(counts.enter("192.0.2.1", limits), TooManyFromAddress);
  EXPECT_EQ(counts.enter("192.0.2.2", limits), Admitted);
  EXPECT_EQ(counts.total(), 3u);
  counts.leave("192.0.2.1");
  EXPECT_EQ(counts.enter("192.0.2.1", limits), Admitted);
  EXPECT_EQ(counts.enter("192.0.2.1", limits), TooManyFromAddress);
}

TEST(ConnectionCountsTest, LimitInAllComesFirst) {
  ConnectionCounts counts;
  const ConnectionLimits limits{.connections_max = 2, .per_address_max = 2};
  EXPECT_EQ(counts.enter("a", limits), Admitted);
  EXPECT_EQ(counts.enter("b", limits), Admitted);
  EXPECT_EQ(counts.enter("c", limits), TooMany);
  EXPECT_EQ(counts.enter("a", limits), TooMany);
  EXPECT_EQ(counts.total(), 2u);
  counts.leave("b");
  EXPECT_EQ(counts.enter("c", limits), Admitted);
}

TEST(ConnectionCountsTest, ALimitOfNothingAdmitsNobody) {
  ConnectionCounts counts;
  EXPECT_EQ(counts.enter("a", {.connections_max = 0, .per_address_max = 5}), TooMany);
  EXPECT_EQ(counts.enter("a", {.connections_max = 5, .per_address_max = 0}), TooManyFromAddress);
  EXPECT_EQ(counts.total(), 0u);
}

// A limit that was lowered (a new configuration) refuses until enough have left.
TEST(ConnectionCountsTest, LimitsBelongToTheCall) {
  ConnectionCounts counts;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(counts.enter("a", {100, 4}), Admitted);
  counts.leave("a");
  EXPECT_EQ(counts.enter("a", {100, 3}), TooManyFromAddress);
  counts.leave("a");
  EXPECT_EQ(counts.enter("a", {100, 3}), Admitted);
}

TEST(ConnectionCountsTest, LeavingWithoutHavingEnteredIsOurMistake) {
  ConnectionCounts counts;
  EXPECT_DEATH(counts.leave("a"), "");
}

// Never more than the limits at any moment, and all of it comes back.
TEST(ConnectionCountsTest, ExactWithThreads) {
  constexpr std::uint32_t hosts = 3;
  constexpr std::uint32_t per_address = 5;
  ConnectionCounts counts;
  const ConnectionLimits limits{.connections_max = 12, .per_address_max = per_address};
  std::array<std::atomic<std::uint32_t>, hosts> present{};
  std::atomic<std::uint32_t> all{0};
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<bool> exceeded{false};
  const auto work = [&](unsigned seed) {
    for (unsigned i = 0; i < 20'000; ++i) {
      const unsigned host = (i * 7 + seed) % hosts;
      const std::string name = "198.51.100." + std::to_string(host);
      if (counts.enter(name, limits) != Admitted) continue;
      ++admitted;
      if (++present[host] > per_address || ++all > 12) exceeded = true;
      if (i % 64 == 0) std::this_thread::yield();
      --all;
      --present[host];
      counts.leave(name);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 16; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(exceeded);
  EXPECT_GT(admitted, 0u);
  EXPECT_EQ(counts.total(), 0u);
  for (std::uint32_t i = 0; i < per_address; ++i)
    EXPECT_EQ(counts.enter("198.51.100.0", limits), Admitted);
  EXPECT_EQ(counts.enter("198.51.100.0", limits), TooManyFromAddress);
}

}  // namespace
}  // namespace ringpost::mta
