// DMARC: which record, what is aligned, what is asked for.
#include "proto/auth/dmarc.h"

#include <gtest/gtest.h>

#include "tests/proto/auth/zone.h"

namespace ringpost::auth {
namespace {

// Two labels, but three below co.uk.
class Suffixes final : public SuffixList {
 public:
  std::string registrable(std::string_view domain) const override {
    const int wanted = domain.ends_with(".co.uk") ? 3 : 2;
    std::size_t at = domain.size();
    for (int i = 0; i < wanted; ++i) {
      if (at == 0) return "";
      at = domain.rfind('.', at - 1);
      if (at == std::string_view::npos) return i + 1 == wanted ? std::string(domain) : "";
    }
    return std::string(domain.substr(at + 1));
  }
};

struct Case {
  std::vector<std::string> from = {"example.com"};
  Result spf = Result::None;
  std::string spf_domain = {};
  std::vector<DkimResult> dkim = {};
  unsigned sample = 0;
  bool walks = false;
};

DmarcResult judge(const Zone& zone, const Case& given) {
  const Suffixes suffixes;
  const DmarcInput input{given.from, given.spf, given.spf_domain, given.dkim, given.sample};
  return zone.run([&](DnsMemo& memo) {
    return evaluate_dmarc(input, given.walks ? nullptr : &suffixes, memo);
  });
}

DkimResult signed_by(std::string domain, Result result = Result::Pass) {
  return {.result = result, .domain = std::move(domain)};
}

TEST(Dmarc, AlignmentIsRelaxedUnlessTheRecordSaysOtherwise) {
  Zone zone;
  zone.txt("_dmarc.example.com", "v=DMARC1; p=reject");
  zone.txt("_dmarc.strict.com", "v=DMARC1; p=reject; aspf=s; adkim=s");
  const DmarcResult spf = judge(zone, {.spf = Result::Pass, .spf_domain = "Bounce.Example.Com."});
  EXPECT_EQ(spf.result, Result::Pass);
  EXPECT_TRUE(spf.spf_aligned);
  EXPECT_FALSE(spf.dkim_aligned);
  EXPECT_EQ(spf.policy, DmarcPolicy::Reject);
  EXPECT_EQ(spf.disposition, DmarcPolicy::None);
  EXPECT_TRUE(judge(zone, {.dkim = {signed_by("mail.example.com")}}).dkim_aligned);
  const std::vector<std::string> from{"strict.com"};
  EXPECT_EQ(judge(zone, {.from = from, .spf = Result::Pass, .spf_domain = "a.strict.com"}).result,
            Result::Fail);
  EXPECT_EQ(judge(zone, {.from = from, .dkim = {signed_by("a.strict.com")}}).result, Result::Fail);
  EXPECT_EQ(judge(zone, {.from = from, .dkim = {signed_by("strict.com")}}).result, Result::Pass);
}

TEST(Dmarc, OnlyAPassIsAligned) {
  Zone zone;
  zone.txt("_dmarc.example.com", "v=DMARC1; p=quarantine");
  const DmarcResult result =
      judge(zone, {.spf = Result::Fail,
                   .spf_domain = "example.com",
                   .dkim = {signed_by("other.com"), signed_by("example.com", Result::Policy)}});
  EXPECT_EQ(result.result, Result::Fail);
  EXPECT_EQ(result.disposition, DmarcPolicy::Quarantine);
  EXPECT_FALSE(result.spf_aligned || result.dkim_aligned);
}

TEST(Dmarc, WhatMayPassLaterIsATemporaryError) {
  Zone zone;
  zone.txt("_dmarc.example.com", "v=DMARC1; p=reject");
  const DmarcResult result = judge(zone, {.dkim = {signed_by("example.com", Result::TempError)}});
  EXPECT_EQ(result.result, Result::TempError);
  EXPECT_EQ(result.disposition, DmarcPolicy::None);
  EXPECT_EQ(judge(zone, {.dkim = {signed_by("other.com", Result::TempError)}}).result,
            Result::Fail);
  EXPECT_EQ(judge(zone, {.spf = Result::Pass,
                         .spf_domain = "example.com",
                         .dkim = {signed_by("example.com", Result::TempError)}})
                .result,
            Result::Pass);
}

TEST(Dmarc, SubdomainsHaveThePolicyOfTheOrganization) {
  Zone zone;
  zone.txt("_dmarc.example.co.uk", "v=DMARC1; p=reject; sp=quarantine; np=none");
  zone.address("a.example.co.uk", "192.0.2.1");
  const DmarcResult below = judge(zone, {.from = {"a.example.co.uk"}});
  EXPECT_EQ(below.policy, DmarcPolicy::Quarantine);
  EXPECT_EQ(below.record_domain, "example.co.uk");
  EXPECT_EQ(below.domain, "a.example.co.uk");
  EXPECT_EQ(judge(zone, {.from = {"ghost.example.co.uk"}}).policy, DmarcPolicy::None);
  EXPECT_EQ(judge(zone, {.from = {"example.co.uk"}}).policy, DmarcPolicy::Reject);
  zone.txt("_dmarc.own.example.co.uk", "v=DMARC1; p=none");
  EXPECT_EQ(judge(zone, {.from = {"own.example.co.uk"}}).policy, DmarcPolicy::None);
  zone.txt("_dmarc.plain.com", "v=DMARC1; p=reject");
  EXPECT_EQ(judge(zone, {.from = {"a.b.plain.com"}}).policy, DmarcPolicy::Reject);
}

TEST(Dmarc, WithoutARecordThereIsNothingToSay) {
  Zone zone;
  EXPECT_EQ(judge(zone, {.spf = Result::Pass, .spf_domain = "example.com"}).result, Result::None);
  zone.txt("_dmarc.example.com", "v=spf1 -all").txt("_dmarc.example.com", "hello");
  const DmarcResult none = judge(zone, {});
  EXPECT_EQ(none.result, Result::None);
  EXPECT_FALSE(none.policy);
  zone.txt("_dmarc.example.com", "v=DMARC1; p=reject");
  EXPECT_EQ(judge(zone, {}).result, Result::Fail) << "texts of others do not count";
}

TEST(Dmarc, RecordsThatAreWrongEndTheSearch) {
  Zone zone;
  zone.txt("_dmarc.example.com", "v=DMARC1; p=reject");
  zone.txt("_dmarc.two.example.com", "v=DMARC1; p=none")
      .txt("_dmarc.two.example.com", "v=DMARC1; p=reject");
  zone.txt("_dmarc.bad.example.com", "v=DMARC1; p=everything");
  EXPECT_EQ(judge(zone, {.from = {"two.example.com"}}).result, Result::None);
  EXPECT_EQ(judge(zone, {.from = {"bad.example.com"}}).result, Result::PermError);
  EXPECT_EQ(judge(zone, {.from = {"two.example.com"}, .walks = true}).policy, DmarcPolicy::Reject);
  EXPECT_EQ(judge(zone, {.from = {"bad.example.com"}, .walks = true}).policy, DmarcPolicy::Reject);
}

TEST(Dmarc, AnErrorOfTheDnsIsTemporary) {
  Zone zone;
  zone.silent("_dmarc.example.com");
  for (const bool walks : {false, true}) {
    EXPECT_EQ(judge(zone, {.walks = walks}).result, Result::TempError);
    EXPECT_EQ(judge(zone, {.from = {"a.example.com"}, .walks = walks}).result, Result::TempError);
  }
}

TEST(Dmarc, APercentageAndATestWeakenWhatIsAsked) {
  Zone zone;
  zone.txt("_dmarc.reject.com", "v=DMARC1; p=reject; pct=30");
  zone.txt("_dmarc.quarantine.com", "v=DMARC1; p=quarantine; pct=0");
  zone.txt("_dmarc.test.com", "v=DMARC1; p=reject; t=y; pct=0");
  EXPECT_EQ(judge(zone, {.from = {"reject.com"}, .sample = 29}).disposition, DmarcPolicy::Reject);
  EXPECT_EQ(judge(zone, {.from = {"reject.com"}, .sample = 30}).disposition,
            DmarcPolicy::Quarantine);
  EXPECT_EQ(judge(zone, {.from = {"quarantine.com"}}).disposition, DmarcPolicy::None);
  EXPECT_EQ(judge(zone, {.from = {"test.com"}}).disposition, DmarcPolicy::Quarantine);
  EXPECT_EQ(judge(zone, {.from = {"reject.com"}, .sample = 99, .walks = true}).disposition,
            DmarcPolicy::Reject)
      << "RFC 9989 has no pct";
}

TEST(Dmarc, SeveralDomainsInFromAreJudgedAndTheWorstCounts) {
  Zone zone;
  zone.txt("_dmarc.example.com", "v=DMARC1; p=none").txt("_dmarc.bank.com", "v=DMARC1; p=reject");
  Case given{.from = {"example.com", "bank.com"}, .dkim = {signed_by("example.com")}};
  EXPECT_EQ(judge(zone, given).domain, "bank.com");
  EXPECT_EQ(judge(zone, given).disposition, DmarcPolicy::Reject);
  given.from = {"example.com", "nobody.com"};
  EXPECT_EQ(judge(zone, given).result, Result::None);
  given.from = {};
  EXPECT_EQ(judge(zone, given).result, Result::None);
  given.from = {"a.com", "b.com", "c.com", "d.com", "e.com", "f.com"};
  EXPECT_EQ(judge(zone, given).result, Result::PermError);
  EXPECT_EQ(judge(zone, given).disposition, DmarcPolicy::Reject);
}

TEST(Dmarc, AHeaderThatWasNotReadWholeIsNoWayAroundAPolicy) {
  DnsMemo memo;
  const auto result = evaluate_dmarc({.header_is_cut = true}, nullptr, memo);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->result, Result::PermError);
  EXPECT_EQ(result->disposition, DmarcPolicy::Reject);
  EXPECT_TRUE(memo.wants_nothing());
}

TEST(Dmarc, AWalkFindsTheOrganizationWithTheFewestLabels) {
  Zone zone;
  zone.txt("_dmarc.example.com", "v=DMARC1; p=reject; sp=none");
  zone.txt("_dmarc.b.example.com", "v=DMARC1; p=quarantine");
  const DmarcResult result = judge(zone, {.from = {"a.b.example.com"},
                                          .spf = Result::Pass,
                                          .spf_domain = "mail.example.com",
                                          .walks = true});
  EXPECT_EQ(result.record_domain, "example.com");
  EXPECT_EQ(result.result, Result::Pass);
  zone.txt("_dmarc.c.example.com", "v=DMARC1; p=reject; psd=n");
  EXPECT_EQ(judge(zone, {.from = {"a.c.example.com"},
                         .spf = Result::Pass,
                         .spf_domain = "example.com",
                         .walks = true})
                .result,
            Result::Fail);
}

TEST(Dmarc, AWalkKnowsPublicSuffixes) {
  Zone zone;
  zone.txt("_dmarc.bank", "v=DMARC1; p=none; sp=reject; psd=y");
  zone.txt("_dmarc.one.bank", "v=DMARC1; p=quarantine");
  const DmarcResult below = judge(
      zone, {.from = {"two.bank"}, .spf = Result::Pass, .spf_domain = "one.bank", .walks = true});
  EXPECT_EQ(below.result, Result::Fail);
  EXPECT_EQ(below.policy, DmarcPolicy::Reject);
  EXPECT_EQ(below.record_domain, "bank");
  EXPECT_EQ(judge(zone, {.from = {"a.one.bank"}, .walks = true}).policy, DmarcPolicy::Quarantine);
  EXPECT_EQ(judge(zone, {.from = {"bank"}, .walks = true}).policy, DmarcPolicy::None);
}

TEST(Dmarc, AWalkIsBounded) {
  Zone zone;
  std::string domain = "example.com";
  for (int i = 0; i < 100; ++i) domain = "a." + domain;
  zone.txt("_dmarc.example.com", "v=DMARC1; p=reject");
  EXPECT_EQ(judge(zone, {.from = {domain}, .walks = true}).policy, DmarcPolicy::Reject);
  EXPECT_EQ(zone.questions(), walk_names_max);
}

std::vector<std::string> authors(const std::string& header) {
  return author_domains(MessageHeader(header));
}

TEST(Dmarc, DomainsOfFromFields) {
  using Domains = std::vector<std::string>;
  EXPECT_EQ(authors("From: \"a@b.example, \\\"x\" <me@Example.COM>\r\n"), Domains{"example.com"});
  EXPECT_EQ(authors("FROM : me@example.com (he@other.com)\r\n"), Domains{"example.com"});
  EXPECT_EQ(authors("From: g:a@one.com,\r\n b@two.com;\r\nfrom: c@one.com., d@three.com\r\n"),
            (Domains{"one.com", "two.com", "three.com"}));
  EXPECT_EQ(authors("Subject: x\r\n"), Domains{});
  EXPECT_EQ(authors("From: nobody\r\n"), Domains{});
  std::string many = "From: a@a0.com";
  for (int i = 1; i < 1000; ++i) many += ", a@a" + std::to_string(i) + ".com";
  EXPECT_EQ(authors(many + "\r\n").size(), author_domains_max + 1);
}

// Else whoever forges mail would only have to break the syntax.
TEST(Dmarc, AFromFieldThatCannotBeReadHidesNobody) {
  using Domains = std::vector<std::string>;
  EXPECT_EQ(authors("From: Boss <boss@Bank.com> (\r\n"), Domains{"bank.com"});
  EXPECT_EQ(authors("From: Boss <boss@\r\n bank.com\r\n"), Domains{"bank.com"});
  EXPECT_EQ(authors("From: @x <boss@bank.com.>\r\n"), Domains{"bank.com"});
  EXPECT_EQ(authors("From: \"Boss <boss@bank.com>\r\n"), Domains{"bank.com"});
  EXPECT_EQ(authors("From: boss@bank.com@evil.com\r\n"), (Domains{"bank.com", "evil.com"}));
  EXPECT_EQ(authors("From: a@evil.com, <boss@bank.com>>\r\n"), (Domains{"evil.com", "bank.com"}));
  EXPECT_EQ(authors("From: ((@\r\n"), Domains{});
  std::string many = "From: (";
  for (int i = 0; i < 1000; ++i) many += "a@a" + std::to_string(i) + ".com ";
  EXPECT_EQ(authors(many + "\r\n").size(), author_domains_max + 1);
}

}  // namespace
}  // namespace ringpost::auth
