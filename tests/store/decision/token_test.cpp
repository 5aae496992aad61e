// Tokens of ids, and as people copy them.
#include "store/decision/token.h"

#include <set>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

TEST(DecisionToken, IdsThatFollowEachOtherHaveUnlikeOnes) {
  std::set<std::string> tokens;
  for (std::uint64_t i = 0; i < 10'000; ++i) tokens.insert(token_of({1'790'000'000'000'000 + i}));
  EXPECT_EQ(tokens.size(), 10'000u);
  EXPECT_EQ(tokens.begin()->size(), token_characters);
}

TEST(DecisionToken, IsTakenAsPeopleWriteIt) {
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const std::string token = token_of({i});
    EXPECT_EQ(parse_token(token), token);
  }
  EXPECT_EQ(parse_token("oil0abcd"), "0110ABCD");
  EXPECT_FALSE(parse_token("UABCDEFG"));
  EXPECT_FALSE(parse_token("ABCDEFG"));
  EXPECT_FALSE(parse_token("ABCDEFGHJ"));
  EXPECT_FALSE(parse_token("ABC-EFGH"));
}

}  // namespace
}  // namespace ringpost::store
