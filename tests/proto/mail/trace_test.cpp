// Return-Path, Delivered-To and the From line.
#include "proto/mail/trace.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

TEST(Trace, IsAddedAtDelivery) {
  std::string text;
  append_return_path(text, "a@b.example");
  append_delivered_to(text, "\"c d\"@e.example");
  EXPECT_EQ(text, "Return-Path: <a@b.example>\r\nDelivered-To: \"c d\"@e.example\r\n");
}

TEST(Trace, KnowsTheNullPath) {
  std::string text;
  append_return_path(text, "");
  EXPECT_EQ(text, "Return-Path: <>\r\n");
}

TEST(Trace, CannotBeBroken) {
  std::string text;
  append_return_path(text, "a\r\nX-Evil: 1");
  append_delivered_to(text, "\xc3\xa9\n\x80");
  EXPECT_EQ(text, "Return-Path: <a??X-Evil: 1>\r\nDelivered-To: ????\r\n");
}

TEST(Trace, SeparatesTheMessagesOfAnMbox) {
  const auto line = [](std::string_view sender) {
    std::string text;
    append_from_line(text, sender, WallTime{1'795'391'000'000'000});
    return text;
  };
  EXPECT_EQ(line("a@b.example"), "From a@b.example Sun Nov 22 23:43:20 2026");
  EXPECT_EQ(line(""), "From MAILER-DAEMON Sun Nov 22 23:43:20 2026");
  EXPECT_EQ(line("\"a b\r\n\"@c.example"), "From \"a?b??\"@c.example Sun Nov 22 23:43:20 2026");
}

}  // namespace
}  // namespace ringpost::mail
