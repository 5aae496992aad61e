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

TEST(Announced, ReadsTheMechanismsOfAuth) {
  const auto of = [](std::string_view line) {
    const Announced announced = parse_announced({250, {}, line});
    return std::pair(announced.auth_plain, announced.auth_login);
  };
  EXPECT_EQ(of("mx\nAUTH PLAIN LOGIN"), std::pair(true, true));
  EXPECT_EQ(of("mx\nauth  SCRAM-SHA-256  plain"), std::pair(true, false));
  EXPECT_EQ(of("mx\nAUTH=LOGIN"), std::pair(false, true));
  EXPECT_EQ(of("mx\nAUTH"), std::pair(false, false));
  EXPECT_EQ(of("mx\nAUTHOR PLAIN"), std::pair(false, false));
  EXPECT_TRUE(parse_announced({250, {}, "mx\nSTARTTLS"}).starttls);
  EXPECT_FALSE(parse_announced({250, {}, "mx\nSIZE=3"}).size);
}

}  // namespace
}  // namespace ringpost::smtp
