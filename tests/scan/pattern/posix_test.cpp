// POSIX expressions: the same answer as regexec(3) where both can say something, and every
// expression that cannot be used with its reason.
#include "scan/pattern/posix.h"

#include <string>

#include <gtest/gtest.h>
#include <regex.h>

#include "proto/base/bytes.h"
#include "scan/pattern/matcher.h"

namespace ringpost::scan {
namespace {

bool matches(std::string_view expression, std::string_view text) {
  const auto database = compile_posix(std::span(&expression, 1));
  EXPECT_TRUE(database) << expression << ": "
                        << (database ? std::string() : database.error().front().text);
  if (!database) return false;
  return Matcher(*database).matches_any(bytes_of(text));
}

bool matches_by_regexec(std::string expression, const std::string& text) {
  int flags = REG_EXTENDED | REG_NOSUB;
  if (expression.starts_with("(?i)")) {
    expression.erase(0, 4);
    flags |= REG_ICASE;
  }
  regex_t compiled;
  EXPECT_EQ(regcomp(&compiled, expression.c_str(), flags), 0) << expression;
  const bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return found;
}

std::string error_of(std::string_view expression) {
  const auto database = compile_posix(std::span(&expression, 1));
  return database ? std::string() : database.error().front().text;
}

TEST(Posix, AgreesWithRegexec) {
  const char* const expressions[] = {
      ".*\\.dyn\\..*",
      "(?i).*\\.DYN\\..*",
      "^dsl-[0-9]+",
      "\\.example\\.org$",
      "[[:digit:]]{1,3}[-.][[:digit:]]{1,3}",
      "[]x]y",
      "[^]x]y",
      "[\\.]",
      "[a\\]b",
      "[[]q",
      "[[.-.]]z",
      "[[=a=]]b",
      "a|b|^$",
      "(ab)+c?",
      "\\<dyn\\>",
      "x*",
      "a.c",
      "a\\{2",
      "a{2,3}",
      "()",
      "^.*@(mx|mail)[0-9]*\\.example\\.(org|net)$",
      "[a-c-]x",
      "\\w\\W",
      "\xc3\xa4",
  };
  const char* const texts[] = {"",
                               "a",
                               "a.dyn.example",
                               "A.DYN.X",
                               "dsl-17.example.org",
                               "x]y",
                               "]y",
                               "\\",
                               ".",
                               "a\\b",
                               "[q",
                               "-z",
                               "ab",
                               "ababc",
                               "1-2",
                               "the dyn",
                               "dynamic",
                               "a\nc",
                               "a{2",
                               "aa",
                               "aaaa",
                               "EXAMPLE.",
                               "mail.example.org",
                               "u@mx1.example.net",
                               "\xc3\xa4rger",
                               "bx",
                               "-x",
                               "host-10-20.dyn.example",
                               "zy",
                               "a b"};
  for (const char* expression : expressions)
    for (const char* text : texts)
      EXPECT_EQ(matches(expression, text), matches_by_regexec(expression, text))
          << expression << " on " << text;
}

TEST(Posix, CaseCountsUnlessToldOtherwise) {
  EXPECT_TRUE(matches("dyn", "a.dyn.example"));
  EXPECT_FALSE(matches("dyn", "a.DYN.example"));
  EXPECT_TRUE(matches("(?i)dyn", "a.DYN.example"));
}

TEST(Posix, RefusalsNameTheReason) {
  EXPECT_NE(error_of("(a)\\1").find("back-reference"), std::string::npos);
  EXPECT_NE(error_of("a(?=b)"), "");
  EXPECT_NE(error_of("(?<!a)b"), "");
  EXPECT_NE(error_of("a\\").find("backslash"), std::string::npos);
  EXPECT_NE(error_of("[a").find("']'"), std::string::npos);
  EXPECT_NE(error_of("[[:alpha:").find("':]'"), std::string::npos);
  EXPECT_NE(error_of("[[.ch.]]").find("collating"), std::string::npos);
  EXPECT_NE(error_of("[[:letters:]]"), "");
  EXPECT_NE(error_of("(a"), "");
  EXPECT_NE(error_of("a)"), "");
  EXPECT_NE(error_of("*.dyn.example"), "");
  EXPECT_NE(error_of("").find("empty"), std::string::npos);
  EXPECT_NE(error_of("(?i)").find("empty"), std::string::npos);
  EXPECT_NE(error_of(std::string(20'000, 'a')), "");
}

TEST(Posix, EveryBadOneIsNamed) {
  const std::string_view both[] = {"fine", "(a)\\1", "also fine", "(x", "[x"};
  const auto first = compile_posix(both);
  ASSERT_FALSE(first);
  ASSERT_EQ(first.error().size(), 3u);
  EXPECT_EQ(first.error()[0].index, 1u);
  EXPECT_EQ(first.error()[1].index, 3u);
  EXPECT_EQ(first.error()[2].index, 4u);
  EXPECT_FALSE(compile_posix({}));
}

}  // namespace
}  // namespace ringpost::scan
