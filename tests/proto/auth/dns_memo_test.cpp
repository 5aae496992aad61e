// What evaluators ask of the DNS: each question once, answers that stay, a bound.
#include "proto/auth/dns_memo.h"

#include <memory>

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

dns::Name name(const char* text) { return dns::Name::parse(text).value(); }

dns::AnswerPointer found(const char* text) {
  dns::Answer answer{.outcome = dns::Outcome::Found, .owner = name("a.test")};
  answer.records.emplace_back(dns::Text{{text}});
  return std::make_shared<const dns::Answer>(std::move(answer));
}

TEST(DnsMemo, WhatIsNotKnownIsWantedOnce) {
  DnsMemo memo;
  EXPECT_EQ(memo.find(name("a.test"), dns::Type::Txt), nullptr);
  EXPECT_EQ(memo.find(name("A.TEST"), dns::Type::Txt), nullptr);
  EXPECT_EQ(memo.find(name("a.test"), dns::Type::A), nullptr);
  EXPECT_FALSE(memo.wants_nothing());
  const auto wanted = memo.take_wanted();
  ASSERT_EQ(wanted.size(), 2u);
  EXPECT_EQ(wanted[0], (dns::Question{name("a.test"), dns::Type::Txt}));
  EXPECT_EQ(wanted[1], (dns::Question{name("a.test"), dns::Type::A}));
  EXPECT_TRUE(memo.wants_nothing());
  EXPECT_EQ(memo.find(name("a.test"), dns::Type::Txt), nullptr) << "still on its way";
  EXPECT_TRUE(memo.take_wanted().empty());
}

TEST(DnsMemo, AnAnswerIsFoundAndStays) {
  DnsMemo memo;
  memo.find(name("a.test"), dns::Type::Txt);
  const dns::Question question{name("a.test"), dns::Type::Txt};
  memo.put(question, found("first"));
  const dns::Answer* answer = memo.find(name("a.test"), dns::Type::Txt);
  ASSERT_NE(answer, nullptr);
  memo.put(question, found("second"));
  EXPECT_EQ(memo.find(name("a.test"), dns::Type::Txt), answer);
  EXPECT_EQ(std::get<dns::Text>(answer->records[0]).strings[0], "first");
}

TEST(DnsMemo, AnAnswerMayComeBeforeItsQuestion) {
  DnsMemo memo;
  memo.put({name("a.test"), dns::Type::Txt}, found("known"));
  EXPECT_NE(memo.find(name("a.test"), dns::Type::Txt), nullptr);
  EXPECT_TRUE(memo.wants_nothing());
}

TEST(DnsMemo, WhatIsKnownElsewhereIsNeverWanted) {
  struct Cache final : KnownAnswers {
    dns::AnswerPointer known(const dns::Question& question) override {
      ++asked;
      return question.name == name("a.test") ? found("cached") : nullptr;
    }
    int asked = 0;
  };
  Cache cache;
  DnsMemo memo(cache);
  ASSERT_NE(memo.find(name("a.test"), dns::Type::Txt), nullptr);
  EXPECT_NE(memo.find(name("a.test"), dns::Type::Txt), nullptr);
  EXPECT_EQ(cache.asked, 1) << "an answer stays, whatever the cache does";
  EXPECT_TRUE(memo.wants_nothing());
  EXPECT_EQ(memo.find(name("b.test"), dns::Type::Txt), nullptr);
  EXPECT_EQ(memo.take_wanted().size(), 1u);
}

TEST(DnsMemo, BeyondItsBoundEveryAnswerIsAFailure) {
  DnsMemo memo(2);
  EXPECT_EQ(memo.find(name("a.test"), dns::Type::A), nullptr);
  EXPECT_EQ(memo.find(name("b.test"), dns::Type::A), nullptr);
  const dns::Answer* answer = memo.find(name("c.test"), dns::Type::A);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->outcome, dns::Outcome::Failed);
  EXPECT_EQ(answer->failure, dns::Failure::Overload);
  EXPECT_EQ(memo.find(name("a.test"), dns::Type::A), nullptr) << "asked for in time";
  EXPECT_EQ(memo.questions(), 2u);
  EXPECT_EQ(memo.take_wanted().size(), 2u);
}

}  // namespace
}  // namespace ringpost::auth
