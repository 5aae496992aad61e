// Content that a server without 8BITMIME gets.
#include "proto/mail/seven_bit.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

// Cut into pieces of `step` octets.
std::string converted(std::string_view content, std::size_t step) {
  SevenBitPlan plan;
  for (std::size_t at = 0; at < content.size(); at += step) plan.scan(content.substr(at, step));
  plan.finish();
  if (!plan.is_needed()) return "as it is";
  if (!plan.obstacle().empty()) return "not: " + std::string(plan.obstacle());
  SevenBitConverter converter(plan);
  std::string result;
  for (std::size_t at = 0; at < content.size(); at += step)
    converter.convert(content.substr(at, step), result);
  converter.finish(result);
  return result;
}

std::string converted(std::string_view content) {
  std::string whole = converted(content, content.size());
  for (const std::size_t step : {1u, 2u, 3u, 7u, 100u, 5000u})
    EXPECT_EQ(converted(content, step), whole) << "cut by " << step;
  return whole;
}

// Lines end with LF in these texts.
std::string crlf(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return result;
}

std::string mime(std::string_view rest) { return crlf("MIME-Version: 1.0\n" + std::string(rest)); }

TEST(SevenBit, ContentWithoutSuchOctetsStays) {
  EXPECT_EQ(converted(mime("Content-Transfer-Encoding: 8bit\n\nascii\n")), "as it is");
  EXPECT_EQ(converted(""), "as it is");
  EXPECT_EQ(converted("no header at all"), "as it is");
}

TEST(SevenBit, TextBecomesQuotedPrintable) {
  EXPECT_EQ(converted(mime("Subject: x\nContent-Transfer-Encoding:\n 8bit\nX: y\n\n"
                           "gr\xc3\xbc\xc3\x9f"
                           "e \n\n=\n")),
            mime("Subject: x\nContent-Transfer-Encoding: quoted-printable\nX: y\n\n"
                 "gr=C3=BC=C3=9F"
                 "e=20\n\n=3D\n"));
  EXPECT_EQ(converted(mime("Content-Type: text/html; charset=utf-8\n\n\xc3\xbc")),
            mime("Content-Type: text/html; charset=utf-8\n"
                 "Content-Transfer-Encoding: quoted-printable\n\n=C3=BC"))
      << "a label that was missing, and a line without an end";
}

TEST(SevenBit, OtherContentBecomesBase64) {
  EXPECT_EQ(converted(mime("Content-Type: image/svg+xml\nContent-Transfer-Encoding: binary\n\n"
                           "\xff\xff\xff\n\n")),
            mime("Content-Type: image/svg+xml\nContent-Transfer-Encoding: base64\n\n"
                 "////DQoNCg==\n"));
}

constexpr const char* nested =
    "Content-Type: multipart/mixed; boundary=outer\nContent-Transfer-Encoding: 8bit\n\n"
    "preamble\n--outer\n"
    "Content-Type: multipart/alternative; boundary=\"outer inner\"\n\n"
    "--outer inner\n"
    "Content-Transfer-Encoding: 8bit\n\n\xc3\xbc\n--outer inner \n"
    "Content-Transfer-Encoding: 8bit\n\nascii \n--outer inner--\nepilogue\n"
    "--outer\nContent-Type: application/x\n\n\xff\xff\xff\n--outer\n"
    "Content-Type: application/y\nContent-Transfer-Encoding: base64\n\nAAAA\n--outer\n"
    "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n"
    "Subject: y\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n\xc3\xa4\n"
    "--outer--\nend\n";

TEST(SevenBit, EachPartHasItsOwnEncoding) {
  EXPECT_EQ(converted(mime(nested)),
            mime("Content-Type: multipart/mixed; boundary=outer\n"
                 "Content-Transfer-Encoding: 7bit\n\n"
                 "preamble\n--outer\n"
                 "Content-Type: multipart/alternative; boundary=\"outer inner\"\n\n"
                 "--outer inner\n"
                 "Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n--outer inner \n"
                 "Content-Transfer-Encoding: 7bit\n\nascii \n--outer inner--\nepilogue\n"
                 "--outer\nContent-Type: application/x\n"
                 "Content-Transfer-Encoding: base64\n\n////\n--outer\n"
                 "Content-Type: application/y\nContent-Transfer-Encoding: base64\n\nAAAA\n--outer\n"
                 "Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n"
                 "Subject: y\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n"
                 "=C3=A4\n--outer--\nend\n"));
}

TEST(SevenBit, PartsWithoutAHeaderOrABody) {
  EXPECT_EQ(converted(mime("Content-Type: multipart/mixed; boundary=b\n\n"
                           "--b\n\n\xc3\xbc\n--b\nContent-Type: text/plain\n--b\n\n--b--\n")),
            mime("Content-Type: multipart/mixed; boundary=b\n\n"
                 "--b\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BC\n"
                 "--b\nContent-Type: text/plain\n--b\n\n--b--\n"));
}

TEST(SevenBit, AnOuterBoundaryEndsWhatIsInside) {
  EXPECT_EQ(converted(mime("Content-Type: multipart/mixed; boundary=a\n\n--a\n"
                           "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--a\n\n"
                           "\xc3\xbc\n--b\n--a--\n")),
            mime("Content-Type: multipart/mixed; boundary=a\n\n--a\n"
                 "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--a\n"
                 "Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n--b\n--a--\n"));
}

TEST(SevenBit, PartsOfADigestAreMessages) {
  EXPECT_EQ(converted(mime("Content-Type: multipart/digest; boundary=b\n\n--b\n\n"
                           "MIME-Version: 1.0\n\n\xc3\xbc\n--b--\n")),
            mime("Content-Type: multipart/digest; boundary=b\n\n--b\n\nMIME-Version: 1.0\n"
                 "Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n--b--\n"));
}

TEST(SevenBit, SignedPartsStayAsTheyAre) {
  const std::string content = mime(
      "Content-Type: multipart/mixed; boundary=a\n\n--a\n\n\xc3\xbc\n--a\n"
      "Content-Type: multipart/signed; boundary=s\nContent-Transfer-Encoding: 8bit\n\n--s\n"
      "Content-Transfer-Encoding: 8bit\n\nascii\n--s--\n--a--\n");
  const std::string result = converted(content);
  EXPECT_EQ(result.substr(result.find("multipart/signed")),
            content.substr(content.find("multipart/signed")));
}

struct Case {
  const char* content;
  const char* why;
};

TEST(SevenBit, WhatCannotBeConverted) {
  for (const Case& c : {
           Case{"Subject: \xc3\xbc\n\nx\n", "8-bit octets in a header"},
           Case{"Content-Type: multipart/mixed; boundary=b\n\n\xc3\xbc\n--b\n\nx\n--b--\n",
                "8-bit octets outside of its parts"},
           Case{"Content-Type: multipart/signed; boundary=b\n\n--b\n\n\xc3\xbc\n--b--\n",
                "8-bit content that is signed or encrypted"},
           Case{
               "Content-Type: multipart/signed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
               "MIME-Version: 1\n\n\xc3\xbc\n--b--\n",
               "8-bit content that is signed or encrypted"},
           Case{"Content-Type: message/rfc822\n\nSubject: x\n\n\xc3\xbc\n",
                "8-bit content that is not MIME"},
           Case{"Content-Type: message/delivery-status\n\n\xc3\xbc\n",
                "8-bit octets in a part that must have none"},
           Case{"Content-Transfer-Encoding: base64\n\n\xc3\xbc\n",
                "8-bit octets in a part that is encoded"},
           Case{"Content-Transfer-Encoding: x-uue\n\n\xc3\xbc\n",
                "an unknown Content-Transfer-Encoding"},
           Case{"Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: 7bit\n\n\xc3\xbc\n",
                "a field that says twice what a part is"},
           Case{"Content-Type: text\n\n\xc3\xbc\n", "a Content-Type that cannot be read"},
           Case{"Content-Type: multipart/mixed\n\n\xc3\xbc\n", "a multipart without a boundary"},
           Case{"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n"
                "\xc3\xbc\n",
                "a multipart that is encoded"},
           Case{"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n\xc3\xbc\n",
                "a message inside that is encoded"},
           Case{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\xc3\xbc\n--by\n--b--\n",
                "a line that may be a boundary"},
           Case{"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\xc3\xbc\n--b--\n",
                "two multiparts with one boundary"},
           Case{"no field\n\xc3\xbc\n", "a header without an end"},
       })
    EXPECT_EQ(converted(mime(c.content)), std::string("not: ") + c.why) << c.content;
  EXPECT_EQ(converted("Subject: x\r\n\r\n\xc3\xbc\r\n"), "not: 8-bit content that is not MIME");
  EXPECT_EQ(converted("MIME-Version: 1\r\n\r\n\xc3\xbc\nx\r\n"),
            "not: a line that does not end with CRLF");
}

TEST(SevenBit, MultipartsAreNestedToABound) {
  std::string text;
  for (int i = 0; i < 33; ++i)
    text += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "x\n\n--b" +
            std::to_string(i) + "x\n";
  EXPECT_EQ(converted(mime(text + "\n\xc3\xbc\n")), "not: too many multiparts in each other");
}

TEST(SevenBit, LinesOfAnyLength) {
  const std::string line(20'000, 'x');
  const std::string result = converted(mime("\n" + line + "\xc3\xbc\n"));
  EXPECT_TRUE(result.ends_with("=C3=BC\r\n"));
  for (std::size_t at = 0; at < result.size();) {
    const std::size_t end = result.find("\r\n", at);
    ASSERT_NE(end, result.npos);
    EXPECT_LE(end - at, 76u);
    at = end + 2;
  }
}

}  // namespace
}  // namespace ringpost::mail
