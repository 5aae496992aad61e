// check_host() beyond the published suite: identities, RFC 7208's limits, hostile records.
#include "proto/auth/spf.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/proto/auth/zone.h"

namespace ringpost::auth {
namespace {

SpfInput from(std::string mail_from, std::string_view client = "192.0.2.1") {
  return {.client = conf::parse_net_address(client).value(),
          .helo = "mail.example.org",
          .mail_from = std::move(mail_from)};
}

SpfResult check(const Zone& zone, const SpfInput& input) {
  return zone.run([&](DnsMemo& memo) { return evaluate_spf(input, memo); });
}

Result result(const Zone& zone, const SpfInput& input) { return check(zone, input).result; }

TEST(Spf, SaysWhatMatched) {
  Zone zone;
  zone.txt("example.com", "v=spf1 ip4:192.0.2.0/24 ~all");
  const SpfResult passed = check(zone, from("a@Example.COM"));
  EXPECT_EQ(passed.result, Result::Pass);
  EXPECT_EQ(passed.identity, SpfIdentity::MailFrom);
  EXPECT_EQ(passed.domain, "example.com");
  EXPECT_EQ(passed.mechanism, "ip4:192.0.2.0/24");
  EXPECT_EQ(passed.explanation, "");
  const SpfResult soft = check(zone, from("a@example.com", "198.51.100.1"));
  EXPECT_EQ(soft.result, Result::SoftFail);
  EXPECT_EQ(soft.mechanism, "~all");
  zone.txt("other.example", "v=spf1 ip4:203.0.113.0/24");
  EXPECT_EQ(check(zone, from("a@other.example")).mechanism, "default");
}

TEST(Spf, TheNullPathIsCheckedByHelo) {
  Zone zone;
  zone.txt("mail.example.org", "v=spf1 exists:%{l}.%{o}.yes.example -all");
  zone.address("postmaster.mail.example.org.yes.example", "127.0.0.2");
  const SpfResult result = check(zone, from(""));
  EXPECT_EQ(result.result, Result::Pass);
  EXPECT_EQ(result.identity, SpfIdentity::Helo);
  EXPECT_EQ(result.domain, "mail.example.org");
}

TEST(Spf, HeloIsCheckedByItself) {
  Zone zone;
  zone.txt("mail.example.org", "v=spf1 -all");
  zone.txt("example.com", "v=spf1 +all");
  const SpfInput input = from("a@example.com");
  const auto result = zone.run([&](DnsMemo& memo) { return evaluate_spf_helo(input, memo); });
  EXPECT_EQ(result.result, Result::Fail);
  EXPECT_EQ(result.identity, SpfIdentity::Helo);
}

TEST(Spf, WhatIsNoDomainHasNoPolicy) {
  const Zone zone;
  for (const char* sender : {"a@localhost", "a@[192.0.2.1]", "a@", "a@.", "a@b..example", "a",
                             "a@\xc3\xa9.example", "a@b.example.."})
    EXPECT_EQ(result(zone, from(sender)), Result::None) << sender;
  SpfInput input = from("");
  input.helo = "[192.0.2.1]";
  EXPECT_EQ(result(zone, input), Result::None);
  input.helo = "";
  EXPECT_EQ(result(zone, input), Result::None);
  EXPECT_EQ(result(zone, from(std::string(2000, 'x') + "@example.com")), Result::None);
}

TEST(Spf, ATrailingDotIsNothing) {
  Zone zone;
  zone.txt("example.com", "v=spf1 exists:%{d}.yes.example. -all");
  zone.address("example.com.yes.example", "127.0.0.2");
  EXPECT_EQ(result(zone, from("a@example.com.")), Result::Pass);
}

TEST(Spf, VoidLookupsAreLimited) {
  Zone zone;
  zone.txt("two.example", "v=spf1 a:no1.example a:no2.example ip4:192.0.2.1 -all");
  zone.txt("three.example", "v=spf1 a:no1.example mx:no2.example exists:no3.example +all");
  zone.txt("exp.example", "v=spf1 a:no1.example a:no2.example -all exp=no3.example");
  zone.txt("cached.example", "v=spf1 a:no1.example a:no1.example a:no1.example +all");
  EXPECT_EQ(result(zone, from("a@two.example")), Result::Pass);
  const SpfResult three = check(zone, from("a@three.example"));
  EXPECT_EQ(three.result, Result::PermError);
  EXPECT_EQ(three.problem, "more than 2 questions without an answer");
  EXPECT_EQ(result(zone, from("a@exp.example")), Result::Fail);
  EXPECT_EQ(result(zone, from("a@cached.example")), Result::PermError);
}

TEST(Spf, TenTermsMayAskTheDns) {
  Zone zone;
  zone.address("a.example", "203.0.113.1");
  std::string record = "v=spf1";
  for (int i = 0; i < 10; ++i) record += " a:a.example";
  zone.txt("ten.example", record + " ip4:192.0.2.1 -all");
  zone.txt("eleven.example", record + " a:a.example ip4:192.0.2.1 -all");
  zone.txt("redirected.example", record + " redirect=ten.example");
  EXPECT_EQ(result(zone, from("a@ten.example")), Result::Pass);
  EXPECT_EQ(result(zone, from("a@eleven.example")), Result::PermError);
  EXPECT_EQ(result(zone, from("a@redirected.example")), Result::PermError);
}

TEST(Spf, TermsThatAreNotReachedDoNotCount) {
  Zone zone;
  std::string record = "v=spf1 ip4:192.0.2.1";
  for (int i = 0; i < 20; ++i) record += " a:a.example";
  zone.txt("example.com", record);
  EXPECT_EQ(result(zone, from("a@example.com")), Result::Pass);
}

TEST(Spf, MailExchangersAreLimitedToTen) {
  Zone zone;
  zone.txt("ten.example", "v=spf1 mx -all").txt("eleven.example", "v=spf1 mx +all");
  for (std::uint16_t i = 0; i < 11; ++i) {
    const std::string host = fmt::format("mx{}.example", i);
    zone.address(host, i == 9 ? "192.0.2.1" : "203.0.113.1");
    if (i < 10) zone.mx("ten.example", i, host);
    zone.mx("eleven.example", i, host);
  }
  EXPECT_EQ(result(zone, from("a@ten.example")), Result::Pass);
  EXPECT_EQ(result(zone, from("a@eleven.example")), Result::PermError);
}

TEST(Spf, PointersThatLeadBackMatch) {
  Zone zone;
  zone.txt("example.com", "v=spf1 ptr -all").txt("name.example", "v=spf1 ptr:EXAMPLE.com -all");
  zone.ptr("1.2.0.192.in-addr.arpa", "forged.example.com");
  zone.ptr("1.2.0.192.in-addr.arpa", "dead.example.com").silent("dead.example.com");
  zone.address("forged.example.com", "203.0.113.1");
  EXPECT_EQ(result(zone, from("a@example.com")), Result::Fail);
  zone.ptr("1.2.0.192.in-addr.arpa", "Host.Example.Com");
  zone.address("host.example.com", "203.0.113.1").address("host.example.com", "192.0.2.1");
  EXPECT_EQ(result(zone, from("a@example.com")), Result::Pass);
  EXPECT_EQ(result(zone, from("a@name.example")), Result::Pass);
  zone.txt("ample.com", "v=spf1 ptr -all");
  EXPECT_EQ(result(zone, from("a@ample.com")), Result::Fail) << "labels are compared whole";
}

TEST(Spf, ErrorsOfTheDns) {
  Zone zone;
  zone.silent("dead.example");
  zone.txt("a.example", "v=spf1 a:dead.example +all");
  zone.txt("mx.example", "v=spf1 mx:dead.example +all");
  zone.txt("exists.example", "v=spf1 exists:dead.example +all");
  zone.txt("include.example", "v=spf1 include:dead.example +all");
  zone.txt("redirect.example", "v=spf1 redirect=dead.example");
  zone.txt("exp.example", "v=spf1 -all exp=dead.example");
  zone.txt("p.example", "v=spf1 exists:%{p}.yes.example -all")
      .address("unknown.yes.example", "127.0.0.2");
  zone.silent("1.2.0.192.in-addr.arpa");
  for (const char* domain : {"dead", "a", "mx", "exists", "include", "redirect"})
    EXPECT_EQ(result(zone, from(fmt::format("a@{}.example", domain))), Result::TempError) << domain;
  EXPECT_EQ(check(zone, from("a@dead.example")).problem,
            "the DNS could not be asked about dead.example: timeout");
  EXPECT_EQ(result(zone, from("a@exp.example")), Result::Fail);
  EXPECT_EQ(result(zone, from("a@p.example")), Result::Pass);
}

TEST(Spf, IncludesNeedARecordAndIgnoreItsExplanation) {
  Zone zone;
  zone.txt("none.example", "v=spf1 include:nothing.example -all");
  EXPECT_EQ(result(zone, from("a@none.example")), Result::PermError);
  zone.txt("bad.example", "v=spf1 include:broken.example +all").txt("broken.example", "v=spf1 x");
  EXPECT_EQ(check(zone, from("a@bad.example")).problem,
            "broken.example: unknown mechanism in \"x\"");
  zone.txt("two.example", "v=spf1 include:twice.example +all");
  zone.txt("twice.example", "v=spf1 -all").txt("twice.example", "v=spf1 -all");
  EXPECT_EQ(result(zone, from("a@two.example")), Result::PermError);
}

TEST(Spf, ARedirectIsJudgedAsItsTarget) {
  Zone zone;
  zone.txt("example.com", "v=spf1 redirect=target.example");
  zone.txt("target.example", "v=spf1 a -all exp=why.%{d}").address("target.example", "192.0.2.1");
  zone.txt("why.target.example", "%{c} is not of %{d}, says %{o}");
  EXPECT_EQ(result(zone, from("a@example.com")), Result::Pass);
  EXPECT_EQ(check(zone, from("a@example.com", "203.0.113.9")).explanation,
            "203.0.113.9 is not of target.example, says example.com");
}

TEST(Spf, ExplanationsAreVisibleAsciiOrNothing) {
  Zone zone;
  zone.txt("example.com", "v=spf1 -all exp=%{l}.why.example");
  zone.txt("two.why.example", "a").txt("two.why.example", "b");
  zone.txt("high.why.example", "\xc3\xa9").txt("control.why.example", "a\nb");
  zone.txt("macro.why.example", "%{x}").txt("good.why.example", "see http://x/?%{S}");
  for (const char* local : {"two", "high", "control", "macro", "none"})
    EXPECT_EQ(check(zone, from(fmt::format("{}@example.com", local))).explanation, "") << local;
  EXPECT_EQ(check(zone, from("good@example.com")).explanation, "see http://x/?good%40example.com");
}

TEST(Spf, MappedAddressesAreIpv4) {
  Zone zone;
  zone.txt("example.com", "v=spf1 ip6:::ffff:0:0/96 ip4:192.0.2.1 -all");
  EXPECT_EQ(check(zone, from("a@example.com", "::ffff:192.0.2.1")).mechanism, "ip4:192.0.2.1");
}

TEST(Spf, LocalPartsWithOddCharactersAreTakenAsTheyAre) {
  Zone zone;
  zone.txt("example.com", "v=spf1 exists:%{l}.yes.example -all");
  zone.address("a\\046b c.yes.example", "127.0.0.2");
  EXPECT_EQ(result(zone, from("a\\046b c@example.com")), Result::Pass);
}

TEST(Spf, NoRecordAsksForMoreThanItsLimits) {
  Zone zone;
  std::string record = "v=spf1";
  for (int i = 0; i < 10; ++i) record += fmt::format(" mx:m{}.example", i);
  zone.txt("example.com", record + " -all");
  for (int i = 0; i < 10; ++i)
    for (std::uint16_t j = 0; j < 10; ++j) {
      const std::string host = fmt::format("h{}-{}.example", i, j);
      zone.mx(fmt::format("m{}.example", i), j, host).address(host, "203.0.113.1");
    }
  EXPECT_EQ(result(zone, from("a@example.com")), Result::Fail);
  EXPECT_EQ(zone.questions(), 111u);
}

TEST(Spf, ALoopOfIncludesEnds) {
  Zone zone;
  zone.txt("example.com", "v=spf1 include:example.com include:example.com -all");
  EXPECT_EQ(result(zone, from("a@example.com")), Result::PermError);
  EXPECT_EQ(zone.questions(), 1u);
}

TEST(Spf, AHugeRecordIsReadOnceARound) {
  Zone zone;
  std::string record = "v=spf1";
  while (record.size() < 60'000) record += " ip4:203.0.113.1";
  zone.txt("example.com", record + " include:example.com -all");
  EXPECT_EQ(result(zone, from("a@example.com")), Result::PermError);
}

TEST(Spf, OutOfQuestionsIsATemporaryError) {
  Zone zone;
  zone.txt("example.com", "v=spf1 a:a.example +all").address("a.example", "192.0.2.1");
  const SpfInput input = from("a@example.com");
  const auto result =
      zone.run([&](DnsMemo& memo) { return evaluate_spf(input, memo); }, DnsMemo(1));
  EXPECT_EQ(result.result, Result::TempError);
  EXPECT_EQ(result.problem, "the DNS could not be asked about a.example: overload");
}

}  // namespace
}  // namespace ringpost::auth
