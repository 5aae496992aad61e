// The data encoder: against a plain model, at every cut, without copies, in linear work.
#include "proto/smtp/data_encoder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

std::string joined(const std::vector<Bytes>& pieces) {
  std::string text;
  for (Bytes piece : pieces) text += text_of(piece);
  return text;
}

std::string encoded(std::string_view content) {
  DataEncoder encoder;
  std::vector<Bytes> pieces;
  encoder.encode(bytes_of(content), pieces);
  encoder.finish(pieces);
  return joined(pieces);
}

// What the encoder should do, said octet by octet.
std::string model(std::string_view content) {
  std::string out;
  bool line_start = true;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const char c = content[i];
    if (line_start && c == '.') out += '.';
    line_start = false;
    if (c == '\r' && i + 1 < content.size() && content[i + 1] == '\n') {
      out += "\r\n";
      line_start = true;
      ++i;
    } else {
      out += c == '\r' || c == '\n' ? ' ' : c;
    }
  }
  return out + (line_start ? ".\r\n" : "\r\n.\r\n");
}

TEST(DataEncoder, StuffsDotsAndEndsTheData) {
  EXPECT_EQ(encoded(""), ".\r\n");
  EXPECT_EQ(encoded("a\r\n"), "a\r\n.\r\n");
  EXPECT_EQ(encoded("a"), "a\r\n.\r\n");
  EXPECT_EQ(encoded("."), "..\r\n.\r\n");
  EXPECT_EQ(encoded(".\r\n..\r\na.\r\n"), "..\r\n...\r\na.\r\n.\r\n");
}

TEST(DataEncoder, NeverSendsAStrayLineOctetThatAPeerCouldTakeForALineEnd) {
  EXPECT_EQ(encoded("a\n.\nb\r\n"), "a . b\r\n.\r\n");
  EXPECT_EQ(encoded("a\r.\rb\r\n"), "a . b\r\n.\r\n");
  EXPECT_EQ(encoded("a\n.\r\nb"), "a .\r\nb\r\n.\r\n");
  EXPECT_EQ(encoded("a\r\r\n.b"), "a \r\n..b\r\n.\r\n");
  EXPECT_EQ(encoded("a\r"), "a \r\n.\r\n");
}

// Every text of up to seven octets over the alphabet that matters, whole and cut at each place.
TEST(DataEncoder, AgreesWithTheModelOnEveryShortTextAndCut) {
  constexpr std::string_view alphabet = "a.\r\n";
  for (std::size_t length = 0; length <= 7; ++length) {
    std::size_t texts = 1;
    for (std::size_t i = 0; i < length; ++i) texts *= alphabet.size();
    for (std::size_t number = 0; number < texts; ++number) {
      std::string text;
      for (std::size_t i = 0, rest = number; i < length; ++i, rest /= alphabet.size())
        text += alphabet[rest % alphabet.size()];
      const std::string expected = model(text);
      for (std::size_t cut = 0; cut <= length; ++cut) {
        DataEncoder encoder;
        std::vector<Bytes> pieces;
        encoder.encode(bytes_of(text).first(cut), pieces);
        encoder.encode(bytes_of(text).subspan(cut), pieces);
        encoder.finish(pieces);
        ASSERT_EQ(joined(pieces), expected) << "text " << number << " cut " << cut;
      }
    }
  }
}

TEST(DataEncoder, NamesTheContentInsteadOfCopyingIt) {
  std::string content;
  for (int line = 0; line < 100; ++line)
    content += "seventy octets or so of ordinary text, as mail has it\r\n";
  DataEncoder encoder;
  std::vector<Bytes> pieces;
  encoder.encode(bytes_of(content), pieces);
  encoder.finish(pieces);
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_TRUE(lies_within(pieces[0], bytes_of(content)));
  EXPECT_EQ(pieces[0].size(), content.size());
}

// A quadratic scan would need minutes for this.
TEST(DataEncoder, TakesLinearWorkOnStrayOctets) {
  for (const char stray : {'\r', '\n'}) {
    const std::string content(4 << 20, stray);
    EXPECT_EQ(encoded(content).size(), content.size() + 5);
  }
}

}  // namespace
}  // namespace ringpost::smtp
