// Return-Path and Delivered-To.
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

}  // namespace
}  // namespace ringpost::mail
