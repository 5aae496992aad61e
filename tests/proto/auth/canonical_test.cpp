// Canonical forms: the examples of RFC 6376, an independent slow reading of its rules, and every
// cutting of the same octets.
#include "proto/auth/canonical.h"

#include <random>

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

std::string field(Canonical form, std::string_view text) {
  std::string result;
  append_canonical_field(form, text, result);
  return result;
}

// `step` octets at a time; 0: all at once.
std::string body(Canonical form, std::string_view text, std::size_t step = 0) {
  std::string result;
  const auto take = [&](Bytes octets) { result += text_of(octets); };
  BodyCanonical canonical(form);
  for (std::size_t at = 0; at < text.size(); at += step) {
    if (step == 0) step = text.size();
    canonical.feed(bytes_of(text.substr(at, step)), take);
  }
  canonical.finish(take);
  return result;
}

// Line by line, with copies.
std::string slow_body(Canonical form, std::string text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    lines.push_back(text.substr(0, end));
    text = end == std::string::npos ? "" : text.substr(end + 2);
  }
  std::string result;
  if (form == Canonical::Relaxed) {
    for (std::string& line : lines) {
      std::string reduced;
      for (const char c : line) {
        const bool blank = c == ' ' || c == '\t';
        if (!blank)
          reduced += c;
        else if (reduced.empty() || reduced.back() != ' ')
          reduced += ' ';
      }
      if (reduced.ends_with(' ')) reduced.pop_back();
      line = reduced;
    }
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (const std::string& line : lines) result += line + "\r\n";
  if (result.empty() && form == Canonical::Simple) result = "\r\n";
  return result;
}

// RFC 6376 3.4.5
TEST(Canonical, DoesTheExamplesOfTheRfc) {
  EXPECT_EQ(field(Canonical::Relaxed, "A: X\r\n"), "a:X\r\n");
  EXPECT_EQ(field(Canonical::Relaxed, "B : Y\t\r\n\tZ  \r\n"), "b:Y Z\r\n");
  EXPECT_EQ(field(Canonical::Simple, "B : Y\t\r\n\tZ  \r\n"), "B : Y\t\r\n\tZ  \r\n");
  const std::string_view text = " C \r\nD \t E\r\n\r\n\r\n";
  EXPECT_EQ(body(Canonical::Relaxed, text), " C\r\nD E\r\n");
  EXPECT_EQ(body(Canonical::Simple, text), " C \r\nD \t E\r\n");
}

TEST(Canonical, KnowsEmptyBodiesAndMissingLineEnds) {
  for (const std::string_view text : {"", "\r\n", "\r\n\r\n"}) {
    EXPECT_EQ(body(Canonical::Simple, text), "\r\n");
    EXPECT_EQ(body(Canonical::Relaxed, text), "");
  }
  EXPECT_EQ(body(Canonical::Relaxed, " \t\r\n \r\n"), "");
  EXPECT_EQ(body(Canonical::Simple, "a"), "a\r\n");
  EXPECT_EQ(body(Canonical::Relaxed, "a "), "a\r\n");
  EXPECT_EQ(body(Canonical::Simple, "a\r"), "a\r\r\n");
  EXPECT_EQ(body(Canonical::Relaxed, "a \r"), "a \r\r\n");
  EXPECT_EQ(field(Canonical::Simple, "A: no line end"), "A: no line end\r\n");
  EXPECT_EQ(field(Canonical::Relaxed, "A:"), "a:\r\n");
  EXPECT_EQ(field(Canonical::Relaxed, "A:\r\n \r\n b"), "a:b\r\n");
}

TEST(Canonical, GivesTheSameForEveryCut) {
  std::mt19937 random(1);
  const std::string_view letters = "ab \t\r\n";
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const std::size_t pieces = random() % 100;
    for (std::size_t i = 0; i < pieces; ++i) {
      const auto kind = random() % 5;
      if (kind == 0) text += "\r\n";
      if (kind == 1) text += std::string(random() % 40, 'x');
      if (kind >= 2) text += letters[random() % letters.size()];
    }
    for (const Canonical form : {Canonical::Simple, Canonical::Relaxed}) {
      const std::string expected = slow_body(form, text);
      for (const std::size_t step : {0u, 1u, 2u, 3u, 17u, 63u, 64u, 65u, 130u})
        ASSERT_EQ(body(form, text, step), expected) << testing::PrintToString(text) << step;
    }
  }
}

TEST(Canonical, ReducesFieldsOfAnyOctets) {
  std::mt19937 random(2);
  const std::string_view letters = "abcdefgh \t\r\n";
  for (int round = 0; round < 5000; ++round) {
    std::string value;
    const std::size_t octets = random() % 200;
    for (std::size_t i = 0; i < octets; ++i) value += letters[random() % letters.size()];
    std::string expected = "a:";
    for (const char c : value) {
      const bool blank = c == ' ' || c == '\t';
      if (c == '\r' || c == '\n') continue;
      if (!blank)
        expected += c;
      else if (!expected.ends_with(' ') && expected != "a:")
        expected += ' ';
    }
    if (expected.ends_with(' ')) expected.pop_back();
    ASSERT_EQ(field(Canonical::Relaxed, "A:" + value), expected + "\r\n")
        << testing::PrintToString(value);
  }
}

TEST(Canonical, TakesLongLinesAndManyEmptyOnes) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "word ";
  text += "\r\n";
  for (int i = 0; i < 20'000; ++i) text += "\r\n";
  text += "end";
  for (const Canonical form : {Canonical::Simple, Canonical::Relaxed})
    EXPECT_EQ(body(form, text, 4099), slow_body(form, text));
}

}  // namespace
}  // namespace ringpost::auth
