// Dates of RFC 5322.
#include "proto/mail/date.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

std::string printed(std::int64_t second, int offset_minutes = 0) {
  std::string text;
  append_date(text, WallTime{second * 1'000'000}, offset_minutes);
  return text;
}

TEST(Date, IsWhatTheCalendarSays) {
  EXPECT_EQ(printed(0), "Thu, 1 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(printed(951'782'399), "Mon, 28 Feb 2000 23:59:59 +0000");
  EXPECT_EQ(printed(951'782'400), "Tue, 29 Feb 2000 00:00:00 +0000");
  EXPECT_EQ(printed(1'795'391'000), "Sun, 22 Nov 2026 23:43:20 +0000");
  EXPECT_EQ(printed(4'107'542'400), "Mon, 1 Mar 2100 00:00:00 +0000");
}

TEST(Date, IsOfThePlaceItIsAskedFor) {
  EXPECT_EQ(printed(1'795'391'000, 60), "Mon, 23 Nov 2026 00:43:20 +0100");
  EXPECT_EQ(printed(0, -330), "Wed, 31 Dec 1969 18:30:00 -0530");
}

TEST(Date, HasNoYearsBeyondFourDigits) {
  EXPECT_EQ(printed(-1), "Wed, 31 Dec 1969 23:59:59 +0000");
  EXPECT_EQ(printed(300'000'000'000), "Fri, 31 Dec 9999 23:59:59 +0000");
  EXPECT_EQ(printed(-300'000'000'000), "Sat, 1 Jan 0000 00:00:00 +0000");
  std::string text;
  append_date(text, WallTime{-1});
  EXPECT_EQ(text, "Wed, 31 Dec 1969 23:59:59 +0000") << "parts of a second count downwards";
}

TEST(Date, AsAsctimePrintsIt) {
  const auto text_of_second = [](std::int64_t second) {
    std::string text;
    append_asctime(text, WallTime{second * 1'000'000});
    return text;
  };
  EXPECT_EQ(text_of_second(0), "Thu Jan  1 00:00:00 1970");
  EXPECT_EQ(text_of_second(1'795'391'000), "Sun Nov 22 23:43:20 2026");
  EXPECT_EQ(text_of_second(-300'000'000'000), "Sat Jan  1 00:00:00 0000");
}

}  // namespace
}  // namespace ringpost::mail
