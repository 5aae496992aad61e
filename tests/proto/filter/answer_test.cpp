// What processes answer: every form, what is none, what Debian's filters have said, and lines cut
// anywhere.
#include "proto/filter/answer.h"

#include <vector>

#include <gtest/gtest.h>

#include "proto/filter/line.h"
#include "tests/proto/filter/transcript.h"

// Where the transcripts are: RINGPOST_SOURCE_DIR.

namespace ringpost::filter {
namespace {

Result result_of(std::string_view line) {
  const auto answer = read_answer(line);
  if (!answer || !std::holds_alternative<Result>(*answer)) {
    ADD_FAILURE() << line;
    return {};
  }
  return std::get<Result>(*answer);
}

TEST(FilterAnswer, Verdicts) {
  const Result proceed = result_of("filter-result|00000000000000ab|1BC376E448845646|proceed");
  EXPECT_EQ(proceed.session, 0xabu);
  EXPECT_EQ(proceed.token, 0x1bc376e448845646u);
  EXPECT_EQ(proceed.verdict, Verdict::Proceed);
  EXPECT_EQ(result_of("filter-result|1|2|junk").verdict, Verdict::Junk);
  const Result reject = result_of("filter-result|1|2|reject|550 a|b");
  EXPECT_EQ(reject.verdict, Verdict::Reject);
  EXPECT_EQ(reject.text, "550 a|b");
  EXPECT_EQ(result_of("filter-result|1|2|disconnect|421 x").verdict, Verdict::Disconnect);
  EXPECT_EQ(result_of("filter-result|1|2|rewrite|").text, "");
  EXPECT_EQ(result_of("filter-result|1|2|report|seen").verdict, Verdict::Report);
}

TEST(FilterAnswer, Lines) {
  const auto line = [](std::string_view text) {
    const auto answer = read_answer(text);
    EXPECT_TRUE(answer && std::holds_alternative<DataLine>(*answer)) << text;
    return std::get<DataLine>(*answer);
  };
  EXPECT_EQ(line("filter-dataline|1|2|a|b").line, "a|b");
  EXPECT_EQ(line("filter-dataline|1|2|").line, "");
  EXPECT_EQ(line("filter-dataline|1|2|..x").line, ".x");
  EXPECT_EQ(line("filter-dataline|1|2|..").line, ".");
  EXPECT_FALSE(line("filter-dataline|1|2|..").is_end);
  EXPECT_TRUE(line("filter-dataline|1|2|.").is_end);
  EXPECT_EQ(line("filter-dataline|f|10|x").token, 16u);
  EXPECT_TRUE(std::holds_alternative<OwnReport>(*read_answer("report|0.6|x")));
}

TEST(FilterAnswer, ErrorsQuoteTheLine) {
  for (const char* line : {"",
                           "hello",
                           "filter-result",
                           "filter-result|",
                           "filter-result|1",
                           "filter-result|1|2",
                           "filter-result|1|2|",
                           "filter-result|1|2|proceed|",
                           "filter-result|1|2|junk|x",
                           "filter-result|1|2|reject",
                           "filter-result|1|2|maybe",
                           "filter-result|x|2|proceed",
                           "filter-result|1||proceed",
                           "filter-result|-1|2|proceed",
                           "filter-result|11111111111111111|2|proceed",
                           "filter-dataline|1|2",
                           "filter-dataline|1",
                           "register|ready",
                           "filter-dataline||2|x",
                           "Filter-result|1|2|proceed"}) {
    const auto answer = read_answer(line);
    ASSERT_FALSE(answer) << line;
    EXPECT_NE(answer.error().find('"' + std::string(line) + '"'), std::string::npos);
  }
}

TEST(FilterAnswer, OfFiltersThatExist) {
  std::size_t lines = 0;
  std::size_t results = 0;
  for (const char* name :
       {"filter-rspamd", "filter-senderscore", "filter-dkimsign", "smtpd-7.4.0p1-in"}) {
    for (const std::string& line : lines_of(name, "F>S ")) {
      if (line.starts_with("register|")) continue;
      const auto answer = read_answer(line);
      ASSERT_TRUE(answer) << answer.error();
      std::holds_alternative<DataLine>(*answer) ? ++lines : ++results;
    }
  }
  EXPECT_GT(lines, 200u);
  EXPECT_GT(results, 150u);
}

std::vector<std::string> cut(std::string_view octets, std::size_t step) {
  LineCutter cutter;
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < octets.size(); at += step) {
    for (std::string_view part = octets.substr(at, step); !part.empty();) {
      const auto taken = cutter.take(part);
      if (taken.status == LineCutter::Status::Line) lines.emplace_back(taken.line);
      EXPECT_NE(taken.status, LineCutter::Status::TooLong);
    }
  }
  return lines;
}

TEST(FilterLine, TheSameHoweverItIsCut) {
  constexpr std::string_view octets = "one\ntwo\r\n\n\r\nx\ry\nfive\nrest";
  const std::vector<std::string> expected = {"one", "two", "", "", "x\ry", "five"};
  for (std::size_t step = 1; step <= octets.size(); ++step) EXPECT_EQ(cut(octets, step), expected);
}

TEST(FilterLine, Bounded) {
  const std::string longest(line_octets_max, 'x');
  std::string_view octets = longest;
  LineCutter cutter;
  EXPECT_EQ(cutter.take(octets).status, LineCutter::Status::Partial);
  EXPECT_TRUE(cutter.is_inside_line());
  octets = "\n";
  EXPECT_EQ(cutter.take(octets).line, longest);
  EXPECT_FALSE(cutter.is_inside_line());
  octets = longest;
  EXPECT_EQ(cutter.take(octets).status, LineCutter::Status::Partial);
  octets = "x";
  EXPECT_EQ(cutter.take(octets).status, LineCutter::Status::TooLong);
}

TEST(FilterLine, QuotedIsShortAndHarmless) {
  EXPECT_EQ(quoted_line("a\x1b[1m"), "\"a?[1m\"");
  EXPECT_EQ(quoted_line(std::string(100, 'x')), '"' + std::string(80, 'x') + "…\"");
}

}  // namespace
}  // namespace ringpost::filter
