// Folding of line ends: every case of a CR, and that the cuts do not matter.
#include "proto/mail/line_ends.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

std::string folded(const std::vector<std::string>& pieces) {
  LineEndFold fold;
  std::string text;
  for (const std::string& piece : pieces) fold.fold(bytes_of(piece), text);
  fold.finish(text);
  return text;
}

TEST(LineEndFoldTest, CrLfBecomesLf) {
  EXPECT_EQ(folded({"a\r\nb\r\n\r\n"}), "a\nb\n\n");
  EXPECT_EQ(folded({""}), "");
  EXPECT_EQ(folded({}), "");
}

TEST(LineEndFoldTest, OtherCrAndLfStay) {
  EXPECT_EQ(folded({"a\rb"}), "a\rb");
  EXPECT_EQ(folded({"a\nb\n"}), "a\nb\n");
  EXPECT_EQ(folded({"a\r\r\nb"}), "a\r\nb");
  EXPECT_EQ(folded({"\r\r\r"}), "\r\r\r");
  EXPECT_EQ(folded({"end\r"}), "end\r");
  EXPECT_EQ(folded({"\n\r"}), "\n\r");
}

TEST(LineEndFoldTest, ACrWaitsForTheNextPiece) {
  EXPECT_EQ(folded({"a\r", "\nb"}), "a\nb");
  EXPECT_EQ(folded({"a\r", "b"}), "a\rb");
  EXPECT_EQ(folded({"a\r", "", "\nb"}), "a\nb");
  EXPECT_EQ(folded({"a\r", "\r", "\n"}), "a\r\n");
}

TEST(LineEndFoldTest, NulAndHighOctetsAreKept) {
  const std::string text("\0\xff\r\n\x80\0", 6);
  EXPECT_EQ(folded({text}), std::string("\0\xff\n\x80\0", 5));
}

// All texts of up to seven octets of this alphabet, cut in every two places.
TEST(LineEndFoldTest, CutsDoNotMatter) {
  constexpr std::string_view alphabet = "\r\na";
  for (unsigned length = 0; length <= 7; ++length) {
    unsigned texts = 1;
    for (unsigned i = 0; i < length; ++i) texts *= 3;
    for (unsigned number = 0; number < texts; ++number) {
      std::string text;
      for (unsigned rest = number; text.size() < length; rest /= 3) text += alphabet[rest % 3];
      const std::string whole = folded({text});
      for (std::size_t a = 0; a <= length; ++a)
        for (std::size_t b = a; b <= length; ++b)
          ASSERT_EQ(folded({text.substr(0, a), text.substr(a, b - a), text.substr(b)}), whole);
    }
  }
}

TEST(LineEndFoldTest, AfterFinishItBeginsAnew) {
  LineEndFold fold;
  std::string text;
  fold.fold(bytes_of("a\r"), text);
  fold.finish(text);
  fold.fold(bytes_of("\nb"), text);
  fold.finish(text);
  EXPECT_EQ(text, "a\r\nb");
}

}  // namespace
}  // namespace ringpost::mail
