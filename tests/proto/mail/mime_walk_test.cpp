// Where the lines of a message belong.
#include "proto/mail/mime_walk.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

// For each line the first letter of its place and the number of its part.
std::string places(std::string_view text) {
  constexpr std::string_view letters = "HLBD-";  // header, blank line, body, delimiter, between
  MimeWalk walk;
  std::string result;
  LineCutter cutter;
  const auto take = [&](const LinePiece& piece) {
    const auto place = static_cast<std::size_t>(walk.take(piece));
    result += letters[place] + std::to_string(walk.part_number()) + ' ';
  };
  cutter.cut(text, take);
  cutter.finish(take);
  return result;
}

TEST(MimeWalk, AMessageWithoutStructure) {
  EXPECT_EQ(places("A: b\n c\n\nbody\n\n--x\nend"), "H0 H0 L0 B0 B0 B0 B0 ");
  EXPECT_EQ(places("Content-Type: multipart/mixed; boundary=x\n\n--x\n"), "H0 L0 B0 ")
      << "not MIME";
}

TEST(MimeWalk, PartsAndMessagesInside) {
  EXPECT_EQ(places("MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=x\n\n"
                   "preamble\n--x\n\none\n--x\nContent-Type: message/rfc822\n\nA: b\n\ntwo\n"
                   "--x--\nepilogue\n--x\n"),
            "H0 H0 H0 L0 -0 D1 L1 B1 D2 H2 L2 H3 L3 B3 D3 -3 -3 ");
}

TEST(LineCutter, KeepsLineEndsWhole) {
  std::vector<std::string> pieces;
  LineCutter cutter;
  const auto take = [&](const LinePiece& piece) {
    pieces.push_back((piece.begins ? "" : "+") + std::string(piece.text) +
                     (piece.end.empty()   ? ""
                      : piece.end == "\n" ? "|n"
                                          : "|rn"));
  };
  for (const char* part : {"a\r", "\nb", "\nc\r\n\r", "\nd"}) cutter.cut(part, take);
  cutter.finish(take);
  EXPECT_EQ(pieces, (std::vector<std::string>{"a|rn", "b|n", "c|rn", "|rn", "d"}));
  pieces.clear();
  cutter = {};
  cutter.cut(std::string(5000, 'x') + "\r", take);
  cutter.cut("\ny\n", take);
  EXPECT_EQ(pieces, (std::vector<std::string>{std::string(5000, 'x'), "+|rn", "y|n"}));
}

}  // namespace
}  // namespace ringpost::mail
