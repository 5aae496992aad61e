// Which ids a text matches, compared where possible with what the expression plainly says.
#include "scan/pattern/matcher.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::scan {
namespace {

using Ids = std::vector<std::uint32_t>;

Database compiled(const std::vector<Pattern>& list) {
  auto database = Database::compile(list);
  EXPECT_TRUE(database.has_value());
  return std::move(*database);
}

Ids matched(Matcher& matcher, std::string_view text) {
  const auto found = matcher.match(bytes_of(text));
  return {found.begin(), found.end()};
}

TEST(PatternMatcher, FindsEachIdOnceInAscendingOrder) {
  const Database database = compiled({{"beta", {}, 20}, {"alpha", {}, 10}, {"gamma", {}, 30}});
  Matcher matcher(database);
  EXPECT_EQ(matched(matcher, "beta alpha beta alpha"), (Ids{10, 20}));
  EXPECT_EQ(matched(matcher, "delta"), Ids{});
  EXPECT_EQ(matched(matcher, "gamma"), Ids{30}) << "nothing is left of the text before";
}

TEST(PatternMatcher, PatternsThatShareAnIdReportItOnce) {
  const Database database = compiled({{"one", {}, 7}, {"two", {}, 7}});
  Matcher matcher(database);
  EXPECT_EQ(matched(matcher, "one two"), Ids{7});
}

TEST(PatternMatcher, OptionsMeanWhatTheySay) {
  const Database database = compiled({{"word", {}, 0},
                                      {"word", {.any_case = true}, 1},
                                      {"^second$", {}, 2},
                                      {"^second$", {.multi_line = true}, 3},
                                      {"a.b", {}, 4},
                                      {"a.b", {.dot_all = true}, 5},
                                      {"q*", {.allow_empty = true}, 6}});
  Matcher matcher(database);
  EXPECT_EQ(matched(matcher, "WORD"), (Ids{1, 6}));
  EXPECT_EQ(matched(matcher, "first\nsecond\n"), (Ids{3, 6}));
  EXPECT_EQ(matched(matcher, "a\nb"), (Ids{5, 6}));
}

TEST(PatternMatcher, TakesAnyOctetsAndNoOctets) {
  const Database database = compiled({{"\\x00\\xff", {}, 1}, {"^$", {.allow_empty = true}, 2}});
  Matcher matcher(database);
  EXPECT_EQ(matched(matcher, std::string_view("a\0\xff", 3)), Ids{1});
  EXPECT_EQ(matched(matcher, ""), Ids{2});
  EXPECT_TRUE(matcher.match({}).size() == 1);
}

TEST(PatternMatcher, StopsAtTheFirstMatchWhenAnyWillDo) {
  const Database database = compiled({{"spam", {}, 1}, {"ham", {}, 2}});
  Matcher matcher(database);
  EXPECT_TRUE(matcher.matches_any(bytes_of("ham and spam")));
  EXPECT_FALSE(matcher.matches_any(bytes_of("eggs")));
  EXPECT_FALSE(matcher.matches_any({}));
  EXPECT_EQ(matched(matcher, "spam"), Ids{1}) << "usable after it was stopped";
}

TEST(PatternMatcher, ManyMatchersShareOneDatabaseAndMayMove) {
  const Database database = compiled({{"a+b", {}, 1}});
  Matcher first(database);
  Matcher second(database);
  Matcher third(std::move(first));
  EXPECT_EQ(matched(second, "aab"), Ids{1});
  EXPECT_EQ(matched(third, "aab"), Ids{1});
}

// Compares with a plain search for a few hundred words in one text.
TEST(PatternMatcher, AgreesWithPlainSearch) {
  std::vector<Pattern> list;
  std::vector<std::string> words;
  for (std::uint32_t i = 0; i < 300; ++i) {
    words.push_back("w" + std::to_string(i * 7919 % 1000) + "z");
    list.push_back({words.back(), {}, i});
  }
  const Database database = compiled(list);
  Matcher matcher(database);
  std::string text;
  for (std::uint32_t i = 0; i < 1000; i += 3) text += "w" + std::to_string(i) + "z ";
  Ids expected;
  for (std::uint32_t i = 0; i < 300; ++i)
    if (text.contains(words[i])) expected.push_back(i);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(matched(matcher, text), expected);
}

}  // namespace
}  // namespace ringpost::scan
