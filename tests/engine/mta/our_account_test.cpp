// The engine's own account.
#include "engine/mta/our_account.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace ringpost::mta {
namespace {

TEST(OurAccount, IsWhoeverRunsIt) {
  EXPECT_EQ(our_account().uid, geteuid());
  EXPECT_EQ(our_account().gid, getegid());
  EXPECT_FALSE(our_account().username.empty());
  EXPECT_TRUE(our_account().directory.starts_with('/'));
}

}  // namespace
}  // namespace ringpost::mta
