// Macros of SPF: the examples of RFC 7208 7.4, transformers, bounds.
#include "proto/auth/spf_macro.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

MacroValues example() {
  return {.local_part = "strong-bad",
          .sender_domain = "email.example.com",
          .domain = "email.example.com",
          .helo = "mail.example.org",
          .receiver = "mx.example.net",
          .validated_name = "mx.example.org",
          .client = conf::parse_net_address("192.0.2.3").value(),
          .now = {1'700'000'000'000'000}};
}

std::string expanded(std::string_view text, const MacroValues& values = example()) {
  return expand_macros(text, values, 1000).value_or("(nothing)");
}

TEST(SpfMacro, ExamplesOfTheRfc) {
  EXPECT_EQ(expanded("%{s}"), "strong-bad@email.example.com");
  EXPECT_EQ(expanded("%{o}"), "email.example.com");
  EXPECT_EQ(expanded("%{d4}"), "email.example.com");
  EXPECT_EQ(expanded("%{d2}"), "example.com");
  EXPECT_EQ(expanded("%{d1}"), "com");
  EXPECT_EQ(expanded("%{dr}"), "com.example.email");
  EXPECT_EQ(expanded("%{d2r}"), "example.email");
  EXPECT_EQ(expanded("%{l}"), "strong-bad");
  EXPECT_EQ(expanded("%{l-}"), "strong.bad");
  EXPECT_EQ(expanded("%{lr}"), "strong-bad");
  EXPECT_EQ(expanded("%{lr-}"), "bad.strong");
  EXPECT_EQ(expanded("%{l1r-}"), "strong");
  EXPECT_EQ(expanded("%{ir}.%{v}._spf.%{d2}"), "3.2.0.192.in-addr._spf.example.com");
  EXPECT_EQ(expanded("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}"),
            "bad.strong.lp.3.2.0.192.in-addr._spf.example.com");
  EXPECT_EQ(expanded("%{d2}.trusted-domains.example.net"),
            "example.com.trusted-domains.example.net");
  MacroValues values = example();
  values.client = conf::parse_net_address("2001:db8::cb01").value();
  EXPECT_EQ(expanded("%{ir}.%{v}._spf.%{d2}", values),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
}

TEST(SpfMacro, TheOtherLetters) {
  EXPECT_EQ(expanded("%{p} %{h} %{c} %{r} %{t}%%%_%-"),
            "mx.example.org mail.example.org 192.0.2.3 mx.example.net 1700000000% %20");
  MacroValues values = example();
  values.local_part = "jack&jill=up ~";
  EXPECT_EQ(expanded("%{L}", values), "jack%26jill%3Dup%20~");
}

TEST(SpfMacro, WhatBreaksTheGrammarIsNothing) {
  for (const char* text : {"%", "%x", "%{", "%{}", "%{d", "%{z}", "%{d0}", "%{d00}", "%{d1x}",
                           "%{d.r}", "%{dd}", "a\tb", "\x80"}) {
    EXPECT_FALSE(is_macro_string(text, true)) << text;
    EXPECT_EQ(expanded(text), "(nothing)") << text;
  }
  EXPECT_FALSE(is_macro_string("a b", false));
  EXPECT_TRUE(is_macro_string("a b", true));
  EXPECT_FALSE(is_macro_string("%{c}", false));
  EXPECT_TRUE(is_macro_string("%{C}", true));
}

TEST(SpfMacro, NumbersOfAnySize) {
  EXPECT_EQ(expanded("%{d127}"), "email.example.com");
  EXPECT_EQ(expanded("%{d99999999999999999999999}"), "email.example.com");
  EXPECT_EQ(expanded("%{d01}"), "com");
}

TEST(SpfMacro, OnlyTheLetterPNeedsANameOfTheClient) {
  EXPECT_TRUE(needs_validated_name("a%%%{P}"));
  EXPECT_FALSE(needs_validated_name("%%{p}.p"));
}

TEST(SpfMacro, ExpansionsAreBounded) {
  const std::string local(1000, 'x');
  MacroValues values = example();
  values.local_part = local;
  EXPECT_FALSE(expand_macros("%{l}.%{l}", values, 1000));
  EXPECT_FALSE(expand_domain("%{l}%{l}%{l}%{l}%{l}.example.com", values));
}

TEST(SpfMacro, NamesThatAreTooLongLoseLabelsOnTheLeft) {
  std::string spec;
  for (int i = 0; i < 100; ++i) spec += "abcd.";
  const auto name = expand_domain(spec + "example.com", example());
  ASSERT_TRUE(name);
  EXPECT_LE(plain_text(*name).size(), 253u);
  EXPECT_GT(plain_text(*name).size(), 247u);
  EXPECT_TRUE(plain_text(*name).ends_with(".abcd.example.com"));
  EXPECT_FALSE(expand_domain(std::string(300, 'x'), example()));
  EXPECT_FALSE(expand_domain("a..example.com", example()));
}

TEST(SpfMacro, ABackslashIsACharacter) {
  const auto name = plain_name("a\\046b.example.com.");
  ASSERT_TRUE(name);
  EXPECT_EQ(plain_text(*name), "a\\046b.example.com");
  EXPECT_FALSE(plain_name(""));
  EXPECT_FALSE(plain_name("."));
}

}  // namespace
}  // namespace ringpost::auth
