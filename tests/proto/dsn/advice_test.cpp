// Words for a status.
#include "proto/dsn/advice.h"

#include <gtest/gtest.h>

namespace ringpost::dsn {
namespace {

TEST(Advice, KnowsTheUsualReasons) {
  EXPECT_TRUE(advice_for({5, 1, 1}).what.contains("no mailbox"));
  EXPECT_TRUE(advice_for({5, 1, 10}).what.contains("takes no mail"));
  EXPECT_TRUE(advice_for({5, 2, 2}).what.contains("full"));
  EXPECT_TRUE(advice_for({4, 4, 1}).what.contains("did not answer"));
  EXPECT_TRUE(advice_for({5, 7, 30}).what.contains("protected"));
}

TEST(Advice, HasASentenceForEverything) {
  for (std::uint16_t subject = 0; subject < 12; ++subject)
    for (std::uint16_t detail = 0; detail < 60; ++detail) {
      const Advice advice = advice_for({5, subject, detail});
      EXPECT_TRUE(advice.what.ends_with('.')) << subject << '.' << detail;
      EXPECT_TRUE(advice.remedy.empty() || advice.remedy.ends_with('.'));
    }
  EXPECT_EQ(advice_for({5, 999, 999}).what, advice_for({5, 0, 0}).what);
  EXPECT_EQ(advice_for({5, 1, 999}).what, "There is something wrong with the address.");
}

}  // namespace
}  // namespace ringpost::dsn
