// The reply parser: the grammar, what is made of its violations, bounds, and that cuts do not
// matter.
#include "proto/smtp/reply_parser.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

using State = ReplyParser::State;

State parse(ReplyParser& parser, std::string_view text) {
  EXPECT_LE(parser.receive(bytes_of(text)), text.size());
  return parser.state();
}

TEST(ReplyParser, ReadsOneLine) {
  ReplyParser parser;
  ASSERT_EQ(parse(parser, "250 2.1.5 Recipient ok\r\n"), State::Complete);
  EXPECT_EQ(parser.reply(), (ReplyView{250, {2, 1, 5}, "Recipient ok"}));
}

TEST(ReplyParser, ReadsSeveralLinesAndTakesTheStatusOutOfEach) {
  ReplyParser parser;
  ASSERT_EQ(parse(parser, "550-5.7.26 no\r\n550-5.7.26 pass\r\n550 5.7.26\r\n"), State::Complete);
  EXPECT_EQ(parser.reply(), (ReplyView{550, {5, 7, 26}, "no\npass\n"}));
}

TEST(ReplyParser, StopsAtTheEndOfEachReply) {
  ReplyParser parser;
  const std::string_view two = "354 Go\r\n250 Done\r\n";
  EXPECT_EQ(parser.receive(bytes_of(two)), 8u);
  EXPECT_EQ(parser.reply().code, 354);
  EXPECT_EQ(parser.receive(bytes_of(two.substr(8))), 10u);
  EXPECT_EQ(parser.reply(), (ReplyView{250, {}, "Done"}));
}

TEST(ReplyParser, TakesACodeWithoutTextAndLinesEndedByLf) {
  for (const std::string_view text : {"250\r\n", "250 \r\n", "250\n", "250 \n"}) {
    ReplyParser parser;
    ASSERT_EQ(parse(parser, text), State::Complete) << text;
    EXPECT_EQ(parser.reply(), (ReplyView{250, {}, ""}));
  }
}

TEST(ReplyParser, LeavesTextAloneThatOnlyLooksLikeAStatus) {
  for (const std::string_view text :
       {"4.1.0 x", "2.1 x", "2.1.0.1 x", "2..1 x", "2.1.1234 x", "2.+1.1 x", "2.1.0x"}) {
    ReplyParser parser;
    ASSERT_EQ(parse(parser, "250 " + std::string(text) + "\r\n"), State::Complete);
    EXPECT_EQ(parser.reply(), (ReplyView{250, {}, text}));
  }
}

TEST(ReplyParser, MakesControlCharactersHarmless) {
  ReplyParser parser;
  ASSERT_EQ(parse(parser, "550 a\rb\tc\x1b[m\x7f\r\n"), State::Complete);
  EXPECT_EQ(parser.reply().text, "a?b c?[m?");
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  for (const std::string_view text :
       {"\r\n", "25\r\n", "25x ok\r\n", "150 ok\r\n", "650 ok\r\n", "250_ok\r\n", "2500 ok\r\n",
        "250-a\r\n251 b\r\n", "HTTP/1.1 400\r\n", " 250 ok\r\n"}) {
    ReplyParser parser;
    EXPECT_EQ(parse(parser, text), State::Malformed) << text;
    EXPECT_EQ(parse(parser, "250 ok\r\n"), State::Malformed) << "it must stay so";
  }
}

TEST(ReplyParser, IsBoundedInLinesAndOctets) {
  ReplyParser many;
  std::string lines;
  for (std::size_t i = 0; i < reply_lines_max; ++i) lines += "250-x\r\n";
  EXPECT_EQ(parse(many, lines), State::Incomplete);
  EXPECT_EQ(parse(many, "250 x\r\n"), State::Malformed);

  ReplyParser endless;
  EXPECT_EQ(parse(endless, "250 " + std::string(reply_line_kept_max, 'x')), State::Malformed);

  ReplyParser wordy;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "250-" + std::string(1000, 'x') + "\r\n";
  ASSERT_EQ(parse(wordy, text + "250 end\r\n"), State::Complete);
  EXPECT_LE(wordy.reply().text.size(), reply_text_octets_max);
}

TEST(ReplyParser, IsTheSameHoweverTheOctetsAreCut) {
  const std::string text = "250-2.0.0 first\r\n250-second\n250 2.0.0 third\r\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    for (std::size_t other = cut; other <= text.size(); ++other) {
      ReplyParser parser;
      parser.receive(bytes_of(text).first(cut));
      parser.receive(bytes_of(text).subspan(cut, other - cut));
      if (parser.state() != State::Complete) parser.receive(bytes_of(text).subspan(other));
      ASSERT_EQ(parser.state(), State::Complete) << cut << ' ' << other;
      ASSERT_EQ(parser.reply(), (ReplyView{250, {2, 0, 0}, "first\nsecond\nthird"}));
    }
  }
}

}  // namespace
}  // namespace ringpost::smtp
