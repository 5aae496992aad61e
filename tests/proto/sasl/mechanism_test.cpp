// Names of mechanisms, and what no name or password may hold (RFC 4013 2.3).
#include "proto/sasl/mechanism.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::sasl {
namespace {

TEST(Mechanism, IsKnownInAnyCase) {
  for (const Mechanism mechanism :
       {Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256, Mechanism::ScramSha256Plus})
    EXPECT_EQ(mechanism_of(to_text(mechanism)), mechanism);
  EXPECT_EQ(mechanism_of("scram-sha-256-plus"), Mechanism::ScramSha256Plus);
  EXPECT_FALSE(mechanism_of("SCRAM-SHA-1"));
  EXPECT_FALSE(mechanism_of(""));
}

TEST(Mechanism, TakesTextAndRefusesWhatSaslprepProhibits) {
  for (const std::string_view text : {"alice", "alice@example.org", "p\xc3\xa4ss w\xc3\xb6rd",
                                      "\xf0\x9f\x94\x91", "=,\"\\", "\xc2\xa0"})
    EXPECT_TRUE(is_credential(text)) << text;
  for (const std::string_view text :
       {std::string_view(""), std::string_view("a\0b", 3), std::string_view("a\x1f"),
        std::string_view("a\x7f"), std::string_view("\xc2\x80"),
        std::string_view("\xe2\x80\xaf\xe2\x80\xae"), std::string_view("\xef\xbf\xbd"),
        std::string_view("\xee\x80\x80"), std::string_view("\xff"),
        std::string_view("\xed\xa0\x80"), std::string_view("\xef\xbf\xbe")})
    EXPECT_FALSE(is_credential(text)) << text;
  EXPECT_TRUE(is_credential(std::string(credential_octets_max, 'a')));
  EXPECT_FALSE(is_credential(std::string(credential_octets_max + 1, 'a')));
}

}  // namespace
}  // namespace ringpost::sasl
