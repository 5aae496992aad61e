// Lanes: the limit holds, what is parked comes back in order, and nothing is left behind.
#include "store/queue/lanes.h"

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

QueuedRecipient entry(std::uint32_t number) { return {WallTime{}, QueueId{1}, number}; }

TEST(Lanes, HoldTheLimitAndGiveOneBackForOne) {
  Lanes lanes;
  EXPECT_TRUE(lanes.enter("alice", 2, entry(0)));
  EXPECT_TRUE(lanes.enter("alice", 2, entry(1)));
  EXPECT_FALSE(lanes.enter("alice", 2, entry(2)));
  EXPECT_FALSE(lanes.enter("alice", 2, entry(3)));
  EXPECT_TRUE(lanes.enter("bob", 2, entry(4)));
  EXPECT_EQ(lanes.parked(), 2u);
  EXPECT_EQ(lanes.leave("alice"), std::vector{entry(2)});
  EXPECT_TRUE(lanes.enter("alice", 2, entry(2)));
  EXPECT_FALSE(lanes.enter("alice", 2, entry(5)));
}

TEST(Lanes, AnEmptyLaneLeavesNothingBehind) {
  Lanes lanes;
  EXPECT_TRUE(lanes.enter("alice", 1, entry(0)));
  for (std::uint32_t i = 1; i < 4; ++i) EXPECT_FALSE(lanes.enter("alice", 1, entry(i)));
  EXPECT_EQ(lanes.leave("alice"), (std::vector{entry(1), entry(2), entry(3)}));
  EXPECT_EQ(lanes.parked(), 0u);
  EXPECT_TRUE(lanes.enter("alice", 1, entry(1)));
  EXPECT_TRUE(lanes.leave("alice").empty());
}

TEST(Lanes, ALimitThatShrankHoldsForThoseThatCome) {
  Lanes lanes;
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(lanes.enter("alice", 3, entry(i)));
  EXPECT_FALSE(lanes.enter("alice", 1, entry(3)));
  EXPECT_EQ(lanes.leave("alice"), std::vector{entry(3)});
  EXPECT_FALSE(lanes.enter("alice", 1, entry(3)));
}

}  // namespace
}  // namespace ringpost::store
