// Records of SPF: what they say, and every way in which they can be wrong.
#include "proto/auth/spf_record.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

std::string error_of(std::string_view text) {
  const auto record = parse_spf_record(text);
  return record ? "" : record.error();
}

TEST(SpfRecord, IsKnownByItsVersion) {
  EXPECT_TRUE(is_spf_record("v=spf1"));
  EXPECT_TRUE(is_spf_record("V=SpF1 -all"));
  EXPECT_FALSE(is_spf_record("v=spf10 -all"));
  EXPECT_FALSE(is_spf_record("v=spf1\t-all"));
  EXPECT_FALSE(is_spf_record(" v=spf1 -all"));
  EXPECT_FALSE(is_spf_record(""));
}

TEST(SpfRecord, TermsWithTheirQualifiers) {
  const auto record = parse_spf_record(
      "v=spf1 +A  mx/24//64 ~include:a.example ?EXISTS:%{i}.b "
      "-ip4:192.0.2.77/24 ip6:2001:DB8::/32 ptr:c.example. -all  ");
  ASSERT_TRUE(record) << record.error();
  ASSERT_EQ(record->terms.size(), 7u + 1u);
  const auto& terms = record->terms;
  EXPECT_EQ(terms[0].mechanism, SpfMechanism::A);
  EXPECT_EQ(terms[0].qualifier, Result::Pass);
  EXPECT_EQ(terms[0].text, "+A");
  EXPECT_EQ(terms[1].length4, 24);
  EXPECT_EQ(terms[1].length6, 64);
  EXPECT_EQ(terms[2].qualifier, Result::SoftFail);
  EXPECT_EQ(terms[2].domain_spec, "a.example");
  EXPECT_EQ(terms[3].qualifier, Result::Neutral);
  EXPECT_EQ(conf::to_text(terms[4].network.address), "192.0.2.0");
  EXPECT_EQ(terms[4].network.length, 24);
  EXPECT_EQ(terms[5].network.length, 32);
  EXPECT_EQ(terms[7].qualifier, Result::Fail);
  EXPECT_FALSE(record->redirect);
}

TEST(SpfRecord, Modifiers) {
  const auto record =
      parse_spf_record("v=spf1 Redirect=_spf.%{d} exp=why.example.com moo.x-1_=any/thing:%{d}");
  ASSERT_TRUE(record) << record.error();
  EXPECT_EQ(record->redirect, "_spf.%{d}");
  EXPECT_EQ(record->explanation, "why.example.com");
}

TEST(SpfRecord, ErrorsSayWhatAndWhere) {
  EXPECT_EQ(error_of("v=spf1 moo -all"), "unknown mechanism in \"moo\"");
  EXPECT_EQ(error_of("v=spf1 -"), "unknown mechanism in \"-\"");
  EXPECT_EQ(error_of("v=spf1 all:x"), "\"all\" takes nothing in \"all:x\"");
  EXPECT_EQ(error_of("v=spf1 include"), "a domain is missing in \"include\"");
  EXPECT_EQ(error_of("v=spf1 exp=a.b exp=a.b"), "a modifier stands twice in \"exp=a.b\"");
  EXPECT_EQ(error_of("v=spf1 a:" + std::string(200, 'x')).size(), 80u + 16u);
}

TEST(SpfRecord, WhatIsNotAllowed) {
  for (const char* term : {"a:",
                           "a:com",
                           "a:com.",
                           "a:b.123",
                           "a:-b",
                           "a:b.-c",
                           "a/33",
                           "a//129",
                           "a/032",
                           "a/",
                           "a//",
                           "a/24/64",
                           "a:b.example/24/",
                           "mx:b.example//1280",
                           "ip4",
                           "ip4:",
                           "ip4:1.2.3",
                           "ip4:01.2.3.4",
                           "ip4:1.2.3.4/33",
                           "ip4:1.2.3.4/",
                           "ip4:1.2.3.4//32",
                           "ip4:::1",
                           "ip4:[1.2.3.4]",
                           "ip6:1.2.3.4",
                           "ip6:::1/129",
                           "ip6:IPv6:::1",
                           "ip6:[::1]",
                           "ip6:1::2::3",
                           "ptr/24",
                           "exists",
                           "exists:a.example/24",
                           "include:a.example/24",
                           "all/8",
                           "1up=x",
                           "=all",
                           "redirect=",
                           "redirect:a.example",
                           "x=%",
                           "x=%a",
                           "a:%{x}.b",
                           "a:%{c}.b",
                           "a:%{d0}.b",
                           "a:%{d.",
                           "a:\x80.example",
                           "a:b\tc.example",
                           "++all"}) {
    EXPECT_NE(error_of(std::string("v=spf1 ") + term), "") << term;
  }
}

TEST(SpfRecord, WhatIsAllowedThoughItLooksOdd) {
  for (const char* term : {"a:foo:bar/baz.b.example", "a:%%.example", "a:foo%-", "a/0", "a//0",
                           "ip4:0.0.0.0/0", "ip6:::/0", "ip6:::ffff:1.2.3.4", "a:xn--abc.x--y",
                           "exists:%{l1r+-,/_=.}.%{D99R}", "x=", "a:b.example./24"}) {
    EXPECT_EQ(error_of(std::string("v=spf1 ") + term), "") << term;
  }
}

}  // namespace
}  // namespace ringpost::auth
