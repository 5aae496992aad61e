// Refusals as operators write them.
#include "proto/smtp/refusal.h"

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

TEST(Refusal, CodeStatusAndText) {
  EXPECT_EQ(parse_refusal("550 no such thing"), Reply(550, {}, "no such thing"));
  EXPECT_EQ(parse_refusal("451 4.7.1 later"), Reply(451, {4, 7, 1}, "later"));
  EXPECT_EQ(parse_refusal("421"), Reply(421, {}, ""));
  EXPECT_EQ(parse_refusal("421 "), Reply(421, {}, ""));
  EXPECT_EQ(parse_refusal("599 5.7.1"), Reply(599, {5, 7, 1}, ""));
}

// RFC 2034 4: a status of another class is none.
TEST(Refusal, AStatusOfAnotherClassIsText) {
  EXPECT_EQ(parse_refusal("550 4.7.1 later"), Reply(550, {}, "4.7.1 later"));
}

TEST(Refusal, WhatDoesNotRefuse) {
  for (const char* text : {"", "5", "55", "250 ok", "354 go", "600 what", "5x0 no", "550no",
                           "5500 no", " 550 no", "no"}) {
    EXPECT_EQ(parse_refusal(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ringpost::smtp
