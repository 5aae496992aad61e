// Who failed how often: limits, delays, and that nobody can lock an owner out.
#include "proto/sasl/attempt_counts.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::sasl {
namespace {

using Verdict = AttemptCounts::Verdict;

constexpr AttemptLimits limits{.per_address_max = 4, .per_account_max = 3};
constexpr Instant start{1'000'000'000'000};

TEST(AttemptCounts, DelaysLongerEachTime) {
  AttemptCounts counts({1, 2}, 64);
  for (const std::int64_t expected : {1, 2, 4, 8, 16, 16, 16})
    EXPECT_EQ(counts.failed("192.0.2.1", "alice", limits, start).seconds(), expected);
  EXPECT_EQ(counts.failed("192.0.2.2", "alice", limits, start).seconds(), 1);
}

TEST(AttemptCounts, LimitsAnAddressWhateverTheAccount) {
  AttemptCounts counts({1, 2}, 64);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(counts.judge("192.0.2.1", "bob", limits, start), Verdict::Allowed) << i;
    counts.failed("192.0.2.1", std::to_string(i), limits, start);
  }
  EXPECT_EQ(counts.judge("192.0.2.1", "bob", limits, start), Verdict::AddressLimited);
  EXPECT_EQ(counts.judge("192.0.2.2", "bob", limits, start), Verdict::Allowed);
}

TEST(AttemptCounts, LimitsAnAccountWhateverTheAddress) {
  AttemptCounts counts({1, 2}, 64);
  for (int i = 0; i < 3; ++i) counts.failed("192.0.2." + std::to_string(i), "alice", limits, start);
  EXPECT_EQ(counts.judge("198.51.100.1", "alice", limits, start), Verdict::AccountLimited);
  EXPECT_EQ(counts.judge("198.51.100.1", "bob", limits, start), Verdict::Allowed);
}

TEST(AttemptCounts, LetsTheOwnerIn) {
  AttemptCounts counts({1, 2}, 64);
  counts.succeeded("198.51.100.1", "alice", limits, start);
  for (int i = 0; i < 9; ++i) {
    counts.failed("192.0.2.1", "alice", limits, start);
    counts.failed("198.51.100.1", "bob", limits, start);
  }
  EXPECT_EQ(counts.judge("198.51.100.1", "alice", limits, start), Verdict::Allowed)
      << "neither strangers nor a neighbour lock her out";
  EXPECT_EQ(counts.judge("198.51.100.1", "bob", limits, start), Verdict::AddressLimited);
  for (int i = 0; i < 3; ++i) counts.failed("198.51.100.1", "alice", limits, start);
  EXPECT_EQ(counts.judge("198.51.100.1", "alice", limits, start), Verdict::AccountLimited)
      << "the familiar address has a limit, too";
  EXPECT_EQ(counts.judge("198.51.100.1", "alice", limits, start + seconds(901)), Verdict::Allowed);
}

TEST(AttemptCounts, Forgets) {
  AttemptCounts counts({1, 2}, 64);
  for (int i = 0; i < 4; ++i) counts.failed("192.0.2.1", "alice", limits, start);
  EXPECT_EQ(counts.judge("192.0.2.1", "bob", limits, start + seconds(30)), Verdict::AddressLimited);
  EXPECT_EQ(counts.judge("192.0.2.1", "bob", limits, start + seconds(300)), Verdict::Allowed)
      << "a third of the window takes a third of the failures";
  EXPECT_EQ(counts.failed("192.0.2.1", "bob", limits, start + seconds(1000)).seconds(), 1);
}

TEST(AttemptCounts, HasNoLimitsWhereNoneAreSet) {
  AttemptCounts counts({1, 2}, 64);
  constexpr AttemptLimits none{.per_address_max = 0, .per_account_max = 0};
  for (int i = 0; i < 100; ++i) counts.failed("192.0.2.1", "alice", none, start);
  EXPECT_EQ(counts.judge("192.0.2.1", "alice", none, start), Verdict::Allowed);
}

TEST(AttemptCounts, KeepsTheWorstWhenManyCome) {
  AttemptCounts counts({1, 2}, 64);
  for (int i = 0; i < 10; ++i) counts.failed("192.0.2.1", "alice", limits, start);
  for (int i = 0; i < 10'000; ++i)
    counts.failed("2001:db8:" + std::to_string(i) + "::", std::to_string(i), limits, start);
  EXPECT_EQ(counts.judge("192.0.2.1", "carol", limits, start), Verdict::AddressLimited);
}

}  // namespace
}  // namespace ringpost::sasl
