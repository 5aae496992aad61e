// The order of mail exchangers.
#include "proto/dns/mail_exchangers.h"

#include <set>

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

Name name(const std::string& text) { return Name::parse(text).value(); }

Answer answer(std::initializer_list<std::pair<std::uint16_t, const char*>> rows) {
  Answer result;
  result.outcome = Outcome::Found;
  for (const auto& [preference, host] : rows)
    result.records.emplace_back(MailExchanger{preference, name(host)});
  return result;
}

std::string plan_of(const Answer& mx, std::uint64_t seed = 1) {
  const std::vector<std::string> ours{"us.test"};
  const ExchangePlan plan = plan_exchange(mx, name("domain.test"), ours, seed);
  std::string result;
  for (const MailExchanger& one : plan.hosts) result += one.host.text() + " ";
  switch (plan.kind) {
    case Exchange::Hosts:
      return result;
    case Exchange::Later:
      return "later" + result;
    case Exchange::NoDomain:
      return "no domain" + result;
    case Exchange::NoMail:
      return "no mail" + result;
    case Exchange::Loop:
      return "loop" + result;
  }
  return {};
}

TEST(MailExchangers, LowPreferencesComeFirst) {
  EXPECT_EQ(plan_of(answer({{20, "b.test"}, {10, "a.test"}, {30, "c.test"}})),
            "a.test b.test c.test ");
}

TEST(MailExchangers, EqualsAreShuffled) {
  std::set<std::string> orders;
  const Answer mx = answer({{10, "a.test"}, {10, "b.test"}, {20, "c.test"}});
  for (std::uint64_t seed = 0; seed < 32; ++seed) orders.insert(plan_of(mx, seed));
  EXPECT_EQ(orders, (std::set<std::string>{"a.test b.test c.test ", "b.test a.test c.test "}));
}

TEST(MailExchangers, WithoutRecordsTheDomainIsTheHost) {
  EXPECT_EQ(plan_of({.outcome = Outcome::NoData}), "domain.test ");
  EXPECT_EQ(plan_of({.outcome = Outcome::NoName}), "no domain");
  EXPECT_EQ(plan_of({.outcome = Outcome::Failed}), "later");
}

TEST(MailExchangers, ANullMxTakesNoMail) {
  EXPECT_EQ(plan_of(answer({{0, "."}})), "no mail");
  EXPECT_EQ(plan_of(answer({{0, "."}, {10, "a.test"}})), "a.test ");
}

TEST(MailExchangers, OnlyWhatIsPreferredToUsCounts) {
  EXPECT_EQ(plan_of(answer({{10, "a.test"}, {20, "US.test"}, {20, "b.test"}, {30, "c.test"}})),
            "a.test ");
  EXPECT_EQ(plan_of(answer({{10, "us.test"}, {10, "b.test"}})), "loop");
}

TEST(MailExchangers, NoMoreThanALimit) {
  Answer mx;
  mx.outcome = Outcome::Found;
  for (std::uint16_t i = 0; i < 200; ++i)
    mx.records.emplace_back(MailExchanger{i, name("mx" + std::to_string(i) + ".test")});
  const ExchangePlan plan = plan_exchange(mx, name("domain.test"), {}, 1);
  ASSERT_EQ(plan.hosts.size(), exchangers_max);
  EXPECT_EQ(plan.hosts.back().host.text(), "mx9.test");
  EXPECT_EQ(plan.hosts.back().preference, 9);
}

}  // namespace
}  // namespace ringpost::dns
