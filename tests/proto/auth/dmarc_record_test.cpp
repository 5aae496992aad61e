// DMARC records: every tag, and what is passed over.
#include "proto/auth/dmarc_record.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

TEST(DmarcRecord, IsKnownByItsVersion) {
  EXPECT_TRUE(is_dmarc_record("v=DMARC1; p=none"));
  EXPECT_TRUE(is_dmarc_record("v = DMARC1 ;p=none"));
  EXPECT_TRUE(is_dmarc_record("v=DMARC1"));
  EXPECT_FALSE(is_dmarc_record("v=DMARC10; p=none"));
  EXPECT_FALSE(is_dmarc_record("v=dmarc1; p=none"));
  EXPECT_FALSE(is_dmarc_record("V=DMARC1; p=none"));
  EXPECT_FALSE(is_dmarc_record(" v=DMARC1; p=none"));
  EXPECT_FALSE(is_dmarc_record("p=none; v=DMARC1"));
  EXPECT_FALSE(is_dmarc_record(""));
}

TEST(DmarcRecord, EveryTag) {
  const auto record = parse_dmarc_record(
      "v=DMARC1; p=Reject; sp=quarantine; np=none; adkim=s; aspf=S; pct=42; t=y; psd=n; fo=1:d; "
      "rf=afrf; ri=3600; rua=mailto:a@example.com!10m, https://x.example/r "
      ";ruf=mailto:f@b.example;");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->policy, DmarcPolicy::Reject);
  EXPECT_EQ(record->subdomain_policy, DmarcPolicy::Quarantine);
  EXPECT_EQ(record->nonexistent_policy, DmarcPolicy::None);
  EXPECT_TRUE(record->strict_dkim);
  EXPECT_TRUE(record->strict_spf);
  EXPECT_TRUE(record->testing);
  EXPECT_EQ(record->percent, 42);
  EXPECT_EQ(record->suffix, DmarcSuffix::No);
  EXPECT_EQ(record->failure_options, "1:d");
  EXPECT_EQ(record->interval_s, 3600u);
  EXPECT_EQ(record->aggregate_uris,
            (std::vector<std::string>{"mailto:a@example.com!10m", "https://x.example/r"}));
  EXPECT_EQ(record->failure_uris, std::vector<std::string>{"mailto:f@b.example"});
}

TEST(DmarcRecord, WhatIsWrongOrUnknownIsIgnored) {
  const auto record = parse_dmarc_record(
      "v=DMARC1; p=none; p=reject; pct=101; pct=5; ri=-1; adkim=x; t=maybe; psd=u; foo=bar; junk; "
      "rua=nonsense,mailto:,mailto:ok@example.com");
  ASSERT_TRUE(record);
  DmarcRecord plain;
  plain.aggregate_uris = {"mailto:ok@example.com"};
  EXPECT_EQ(*record, plain);
}

TEST(DmarcRecord, WithoutAPolicyItAsksForReportsOrIsNone) {
  EXPECT_FALSE(parse_dmarc_record("v=DMARC1"));
  EXPECT_FALSE(parse_dmarc_record("v=DMARC1; p=all"));
  EXPECT_FALSE(parse_dmarc_record("v=DMARC1; p=reject; sp=all"));
  EXPECT_FALSE(parse_dmarc_record("v=spf1 -all"));
  const auto record = parse_dmarc_record("v=DMARC1; p=reject; sp=all; rua=mailto:a@example.com");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->policy, DmarcPolicy::None);
}

TEST(DmarcRecord, UrisAreBounded) {
  std::string text = "v=DMARC1; p=none; rua=";
  for (int i = 0; i < 10'000; ++i) text += "mailto:a@example.com,";
  EXPECT_EQ(parse_dmarc_record(text)->aggregate_uris.size(), 16u);
}

}  // namespace
}  // namespace ringpost::auth
