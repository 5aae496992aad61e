// The values of SipHash-2-4 that its authors publish, for inputs of 0, 1, 2, … octets.
#include "proto/base/keyed_hash.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace ringpost {
namespace {

constexpr HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

TEST(KeyedHash, HasThePublishedValues) {
  EXPECT_EQ(keyed_hash(key, ""), 0x726fdb47dd0e0e31u);
  std::string input;
  for (char i = 0; i < 15; ++i) input += i;
  EXPECT_EQ(keyed_hash(key, input), 0xa129ca6149be45e5u);
  EXPECT_EQ(keyed_hash(key, std::string_view(input).substr(0, 1)), 0x74f839c593dc67fdu);
  EXPECT_EQ(keyed_hash(key, std::string_view(input).substr(0, 8)), 0x93f5f5799a932462u);
}

TEST(KeyedHash, DependsOnTheKey) {
  EXPECT_NE(keyed_hash({1, 2}, "mail.example"), keyed_hash({1, 3}, "mail.example"));
  EXPECT_NE(keyed_hash({1, 2}, "mail.example"), keyed_hash({2, 2}, "mail.example"));
}

}  // namespace
}  // namespace ringpost
