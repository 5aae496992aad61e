// Values of Content-Type and Content-Transfer-Encoding.
#include "proto/mail/content_type.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

std::string words(std::string_view value) {
  const auto type = parse_content_type(value);
  return type ? type->type + '/' + type->subtype + ' ' + type->boundary : "none";
}

TEST(ContentType, TypeAndBoundary) {
  EXPECT_EQ(words(" Text/Plain; charset=utf-8"), "text/plain ");
  EXPECT_EQ(words("text/html;charset=\"a;b\";"), "text/html ");
  EXPECT_EQ(words("multipart/mixed;\r\n\tBoundary=\"a b\\\"c\""), "multipart/mixed a b\"c");
  EXPECT_EQ(words("multipart (a (nested\\)) comment) / mixed ; boundary = x (or not)"),
            "multipart/mixed x");
  EXPECT_EQ(words("multipart/mixed; boundary=----=_Part_1"), "multipart/mixed ----=_Part_1");
}

TEST(ContentType, WhatIsNoBoundaryIsNone) {
  EXPECT_EQ(words("multipart/mixed; boundary=\"\""), "multipart/mixed ");
  EXPECT_EQ(words("multipart/mixed; boundary=\"x \""), "multipart/mixed ");
  EXPECT_EQ(words("multipart/mixed; boundary=" + std::string(71, 'x')), "multipart/mixed ");
  EXPECT_EQ(words("multipart/mixed; boundary=" + std::string(70, 'x')),
            "multipart/mixed " + std::string(70, 'x'));
  EXPECT_EQ(words("multipart/mixed; boundary=\"\xc3\xbc\""), "multipart/mixed ");
}

TEST(ContentType, AnythingElseIsNone) {
  for (const char* value :
       {"", "text", "text/", "/plain", "text/plain charset=x", "text/plain; charset",
        "text/plain; charset=", "text/plain; =x", "text/plain; a=\"x", "text plain",
        "multipart/mixed; boundary=a; boundary=b", "text/plain; a=b c"})
    EXPECT_EQ(words(value), "none") << value;
}

TEST(ContentType, TransferEncodings) {
  EXPECT_EQ(parse_transfer_encoding(" 8Bit "), "8bit");
  EXPECT_EQ(parse_transfer_encoding("(is) base64 (it)"), "base64");
  for (const char* value : {"", "a b", "quoted printable", ";"})
    EXPECT_EQ(parse_transfer_encoding(value), "") << value;
}

}  // namespace
}  // namespace ringpost::mail
