// `filter NAME builtin …`.
#include "proto/conf/native_filter.h"
#include "tests/proto/conf/conf_support.h"

namespace ringpost::conf {
namespace {

template <class Settings>
Settings settings_of(const std::string& line, Files files = {}) {
  ParseResult result = parse_text(with_rule("filter f builtin " + line + "\n"), std::move(files));
  EXPECT_EQ(errors_of(result), "") << line;
  EXPECT_TRUE(result.config) << line;
  if (!result.config) return {};
  const Filter& filter = *result.config->filters.front();
  EXPECT_EQ(filter.kind, FilterKind::Native);
  return std::get<Settings>(*filter.native);
}

std::string error_of(const std::string& line, Files files = {}) {
  return errors_in(with_rule("filter f builtin " + line + "\n"), std::move(files));
}

TEST(ParseNative, SenderScoreTakesTheFlagsOfTheProgram) {
  const auto settings = settings_of<SenderScoreSettings>(
      "senderscore \"filter-senderscore -blockBelow 10 -junkBelow=70 --slowFactor 5000 "
      "-scoreHeader -blockPhase rcpt-to\"");
  EXPECT_EQ(settings.block_below, 10);
  EXPECT_EQ(settings.junk_below, 70);
  EXPECT_EQ(settings.slow_factor_ms, 5000);
  EXPECT_TRUE(settings.score_header);
  EXPECT_EQ(settings.block_phase, filter::Phase::RcptTo);
  EXPECT_EQ(settings.zone.text(), "score.senderscore.com");
}

TEST(ParseNative, SenderScoreAlone) {
  const auto settings = settings_of<SenderScoreSettings>("senderscore");
  EXPECT_EQ(settings.block_below, -1);
  EXPECT_EQ(settings.slow_factor_ms, -1);
  EXPECT_EQ(settings.timeout, seconds(5));
  EXPECT_EQ(settings.allowed, nullptr);
}

TEST(ParseNative, SenderScoreOptionsOfOurOwn) {
  const auto settings = settings_of<SenderScoreSettings>(
      "senderscore \"-junkBelow -1\" zone score.example.org timeout 900ms allow 192.0.2.0/24");
  EXPECT_EQ(settings.zone.text(), "score.example.org");
  EXPECT_EQ(settings.timeout, milliseconds(900));
  EXPECT_NE(settings.allowed, nullptr);
}

TEST(ParseNative, AnAllowListIsAFileOfAddresses) {
  const Files files{{"/list", "# friends\n192.0.2.0/24\n2001:db8::/32  # all\n\nnonsense\n"}};
  const ParseResult result =
      parse_text(with_rule("filter f builtin senderscore \"-allowlist /list\"\n"), files);
  EXPECT_EQ(errors_of(result), "");
  EXPECT_EQ(diagnostics_of(result, Severity::Warning),
            "/list:5:1: neither an address nor a prefix: it never matches\n");
  const auto& settings = std::get<SenderScoreSettings>(*result.config->filters.front()->native);
  EXPECT_TRUE(settings.allowed->matches_address(*parse_net_address("2001:db8::9")));
  EXPECT_TRUE(settings.allowed->matches_address(*parse_net_address("192.0.2.9")));
  EXPECT_FALSE(settings.allowed->matches_address(*parse_net_address("192.0.3.9")));
}

TEST(ParseNative, WhatIsWrongWithFlags) {
  const auto wrong = [](const std::string& flags) {
    return error_of("senderscore \"" + flags + "\"");
  };
  const std::string at = "1:30: ";
  EXPECT_EQ(wrong("filter-rspamd -blockBelow 1"),
            at + "\"filter-rspamd\" is no flag of filter-senderscore\n");
  EXPECT_EQ(wrong("-blockBelow ten"), at + "invalid -blockBelow \"ten\"\n");
  EXPECT_EQ(wrong("-blockBelow"), at + "invalid -blockBelow \"\"\n");
  EXPECT_EQ(wrong("-junkBelow 102"), at + "invalid -junkBelow \"102\"\n");
  EXPECT_EQ(wrong("-slowFactor 1000000"), at + "invalid -slowFactor \"1000000\"\n");
  EXPECT_EQ(wrong("-blockPhase data"), at + "invalid -blockPhase \"data\"\n");
  EXPECT_EQ(wrong("-scoreHeader=maybe"), at + "invalid -scoreHeader \"maybe\"\n");
  EXPECT_EQ(wrong("-verbose 1"), at + "\"-verbose\" is no flag of filter-senderscore\n");
  EXPECT_EQ(wrong("-blockBelow 1 2"), at + "\"2\" is no flag of filter-senderscore\n");
  EXPECT_EQ(wrong("-allowlist list"),
            at + "cannot read the list: open list: No such file or directory\n");
}

TEST(ParseNative, ListsWithWeightsAndCodes) {
  const auto settings = settings_of<DnsListSettings>(
      "dnsbl zone zen.example.org weight 2 codes { 127.0.0.2, \"127.0.0.4/30\", \"&0.0.1.0\" } "
      "zone bl.example.net zone \"wl.example.net\" weight -3 at 3 disconnect \"550 5.7.1 no\" "
      "at 1 junk phase rcpt-to timeout 2s allow { 192.0.2.1 } on-error defer");
  ASSERT_EQ(settings.zones.size(), 3u);
  EXPECT_EQ(settings.zones[0].text, "zen.example.org");
  EXPECT_EQ(settings.zones[0].weight, 2);
  EXPECT_EQ(settings.zones[0].codes.size(), 3u);
  EXPECT_EQ(settings.zones[1].weight, 1);
  EXPECT_EQ(settings.zones[2].weight, -3);
  ASSERT_EQ(settings.steps.size(), 2u);
  EXPECT_EQ(settings.steps[0].at, 1);
  EXPECT_EQ(settings.steps[0].decision, FilterDecision::Junk);
  EXPECT_EQ(settings.steps[1].decision, FilterDecision::Disconnect);
  EXPECT_EQ(settings.steps[1].text, "550 5.7.1 no");
  EXPECT_EQ(settings.phase, filter::Phase::RcptTo);
  EXPECT_EQ(settings.timeout, seconds(2));
  EXPECT_TRUE(settings.defers);
  EXPECT_NE(settings.allowed, nullptr);
}

TEST(ParseNative, OneListRefuses) {
  const auto settings = settings_of<DnsListSettings>("dnsbl zone bl.example.net on-error ignore");
  ASSERT_EQ(settings.steps.size(), 1u);
  EXPECT_EQ(settings.steps[0].at, 1);
  EXPECT_EQ(settings.steps[0].decision, FilterDecision::Reject);
  EXPECT_FALSE(settings.defers);
}

TEST(ParseNative, WhatIsWrongWithLists) {
  EXPECT_EQ(error_of("dnsbl"), "1:23: a filter \"dnsbl\" needs a zone\n");
  EXPECT_EQ(error_of("dnsbl zone a.test at 1 junk at 1 reject"),
            "1:24: two decisions of a filter \"dnsbl\" begin at the same weight\n");
  EXPECT_EQ(error_of("dnsbl zone \"a b\""), "1:29: \"a b\" is not the name of a zone\n");
  EXPECT_EQ(error_of("dnsbl zone a.test weight 0"), "1:43: a weight of 0 is out of range\n");
  EXPECT_EQ(error_of("dnsbl zone a.test weight x"), "1:43: expected a weight, found \"x\"\n");
  EXPECT_EQ(error_of("dnsbl zone a.test codes { x }"),
            "1:44: \"x\" is no code: expected an address, a prefix, two addresses with '-' "
            "between, or '&' and bits\n");
  EXPECT_EQ(error_of("dnsbl zone a.test at 0 junk"),
            "1:39: a decision at 0 is out of range: 1 to 1000\n");
  EXPECT_EQ(error_of("dnsbl zone a.test at 1 bypass"),
            "1:41: expected reject, disconnect, junk or report, found \"bypass\"\n");
  EXPECT_EQ(error_of("dnsbl zone a.test at 1 reject \"250 x\""),
            "1:48: \"250 x\" is no reply that refuses, with a code from 400 to 599\n");
  EXPECT_EQ(error_of("dnsbl zone a.test phase commit"),
            "1:42: expected a phase: connect, helo, ehlo, mail-from, rcpt-to or data, found "
            "\"commit\"\n");
  EXPECT_EQ(error_of("dnsbl zone a.test on-error fail"),
            "1:45: expected ignore or defer, found \"fail\"\n");
  EXPECT_EQ(error_of("dnsbl zone a.test timeout 1s timeout 2s"),
            "1:47: \"timeout\" is given twice\n");
  EXPECT_EQ(error_of("dnsbl zone a.test colour red"),
            "1:36: expected zone, at, phase, allow, timeout or on-error, found \"colour\"\n");
  EXPECT_EQ(error_of("surprise"),
            "1:18: expected senderscore, dnsbl, greet-delay or rate, found \"surprise\"\n");
}

TEST(ParseNative, GreetDelay) {
  const auto plain = settings_of<GreetDelaySettings>("greet-delay 5s");
  EXPECT_EQ(plain.delay, seconds(5));
  EXPECT_EQ(plain.decision, FilterDecision::Reject);
  EXPECT_EQ(plain.remembered, seconds(86'400));
  const auto full = settings_of<GreetDelaySettings>(
      "greet-delay 500ms disconnect \"554 go\" allow { 192.0.2.1 } remember 2h");
  EXPECT_EQ(full.delay, milliseconds(500));
  EXPECT_EQ(full.decision, FilterDecision::Disconnect);
  EXPECT_EQ(full.text, "554 go");
  EXPECT_EQ(full.remembered, seconds(7200));
  EXPECT_NE(full.allowed, nullptr);
  EXPECT_EQ(error_of("greet-delay 3m"),
            "1:30: greet-delay \"3m\" is out of range: 100 ms to 120 s\n");
  EXPECT_EQ(error_of("greet-delay 3s colour"),
            "1:33: expected reject, disconnect, junk, report, allow or remember, found "
            "\"colour\"\n");
}

TEST(ParseNative, Rates) {
  const auto settings = settings_of<RateSettings>(
      "rate per-network connections 30 in 1m messages 100 in 1h recipients 500 in 1d "
      "failures 10 in 10m inet4-bits 22 inet6-bits 48 reject \"451 later\" allow 192.0.2.1");
  EXPECT_EQ(settings.key, RateKey::Network);
  ASSERT_EQ(settings.limits.size(), 4u);
  EXPECT_EQ(settings.limits[1].counted, RateCounted::Messages);
  EXPECT_EQ(settings.limits[1].count, 100u);
  EXPECT_EQ(settings.limits[1].period, seconds(3600));
  EXPECT_EQ(settings.inet4_bits, 22u);
  EXPECT_EQ(settings.inet6_bits, 48u);
  EXPECT_EQ(settings.decision, FilterDecision::Reject);
  EXPECT_EQ(settings.text, "451 later");
  EXPECT_NE(settings.allowed, nullptr);
  EXPECT_FALSE(settings_of<RateSettings>("rate per-account messages 1 in 1s").decision);
}

TEST(ParseNative, WhatIsWrongWithRates) {
  EXPECT_EQ(error_of("rate connections 1 in 1m"),
            "1:23: expected per-address, per-network or per-account, found \"connections\"\n");
  EXPECT_EQ(error_of("rate per-address"), "1:23: a filter \"rate\" needs a limit\n");
  EXPECT_EQ(error_of("rate per-address messages 1 per 1m"),
            "1:46: expected \"in\", found \"per\"\n");
  EXPECT_EQ(error_of("rate per-address messages 0 in 1m").substr(0, 44),
            "1:44: a limit of 0 is out of range: 1 to 100");
  EXPECT_NE(error_of("rate per-address messages 1001 in 1s"), "");
  EXPECT_NE(error_of("rate per-address messages 1 in 1m messages 2 in 1h"), "");
  EXPECT_NE(error_of("rate per-network messages 1 in 1m inet4-bits 33"), "");
  EXPECT_NE(error_of("rate per-network messages 1 in 1m inet6-bits 0"), "");
  EXPECT_NE(error_of("rate per-network messages 1 in 1m often"), "");
}

TEST(ParseNative, AnExternalTableAllowsNobody) {
  EXPECT_EQ(errors_in(with_rule("table t proc:/bin/true\n"
                                "filter f builtin dnsbl zone a.test allow <t>\n")),
            "2:42: \"allow\" takes a table that is in memory\n");
}

}  // namespace
}  // namespace ringpost::conf
