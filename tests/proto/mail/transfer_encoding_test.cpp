// Quoted-printable and base64.
#include "proto/mail/transfer_encoding.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

std::string printable(std::string_view line) {
  QuotedPrintableWriter writer;
  std::string result;
  writer.write(line, result);
  writer.end_line(result);
  return result;
}

std::string base64(std::string_view octets) {
  Base64Writer writer;
  std::string result;
  for (const char octet : octets) writer.write({&octet, 1}, result);
  writer.finish(result);
  return result;
}

TEST(QuotedPrintable, OnlyWhatMustIsACode) {
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"
                      "e = all\r"),
            "gr=C3=BC=C3=9Fe =3D all=0D\r\n");
  EXPECT_EQ(printable(".dot \x7f"), ".dot =7F\r\n");
  EXPECT_EQ(printable(""), "\r\n");
}

TEST(QuotedPrintable, BlanksAtTheEndOfALineAreCodes) {
  EXPECT_EQ(printable("a b \t"), "a b =09\r\n");
  EXPECT_EQ(printable(" "), "=20\r\n");
  QuotedPrintableWriter writer;
  std::string text;
  writer.write("x ", text);
  writer.finish(text);
  EXPECT_EQ(text, "x=20");
}

TEST(QuotedPrintable, NoLineIsLongerThan76) {
  EXPECT_EQ(printable(std::string(75, 'x')), std::string(75, 'x') + "\r\n");
  EXPECT_EQ(printable(std::string(80, 'x')), std::string(75, 'x') + "=\r\nxxxxx\r\n");
  std::string line;
  for (int i = 0; i < 200; ++i) line += "\xe2\x82\xac ";
  const std::string whole = printable(line);
  std::string_view rest = whole;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    ASSERT_NE(end, rest.npos);
    EXPECT_LE(end, 76u);
    rest.remove_prefix(end + 2);
  }
}

TEST(Base64, GroupsAndLines) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==\r\n");
  EXPECT_EQ(base64("fo"), "Zm8=\r\n");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy\r\n");
  EXPECT_EQ(base64(std::string(3, '\xff')), "////\r\n");
  std::string line;
  for (int i = 0; i < 19; ++i) line += "AAAA";
  EXPECT_EQ(base64(std::string(57, '\0')), line + "\r\n");
  EXPECT_EQ(base64(std::string(58, '\0')), line + "\r\nAA==\r\n");
}

}  // namespace
}  // namespace ringpost::mail
