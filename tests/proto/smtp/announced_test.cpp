// What is read out of a reply to EHLO, and what is passed over.
#include "proto/smtp/announced.h"

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

Announced announced(std::string_view text) { return parse_announced({250, {}, text}); }

TEST(Announced, ReadsEveryKeywordWhateverItsCase) {
  const Announced all =
      announced("mx.test\nPIPELINING\n8bitmime\nSmtpUtf8\nDSN\nCHUNKING\nSIZE 35882577\nHELP");
  EXPECT_EQ(all, (Announced{.pipelining = true,
                            .eight_bit_mime = true,
                            .smtputf8 = true,
                            .dsn = true,
                            .chunking = true,
                            .size = true,
                            .size_octets_max = 35'882'577}));
}

TEST(Announced, TheFirstLineIsTheServersName) {
  EXPECT_EQ(announced("PIPELINING"), Announced{});
  EXPECT_EQ(announced(""), Announced{});
}

TEST(Announced, OnlyWholeKeywordsCount) {
  EXPECT_EQ(announced("mx\nPIPELININGS\nXDSN\n-CHUNKING\n"), Announced{});
}

// RFC 1870 5: without a number, or with 0, there is no fixed maximum.
TEST(Announced, ASizeThatIsNoNumberIsNoLimit) {
  for (const std::string_view text : {"mx\nSIZE", "mx\nSIZE 0", "mx\nSIZE many", "mx\nSIZE -1"})
    EXPECT_EQ(announced(text), (Announced{.size = true, .size_octets_max = 0})) << text;
}

}  // namespace
}  // namespace ringpost::smtp
