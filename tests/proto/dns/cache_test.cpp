// What the cache keeps, how long, and what it lets go first.
#include "proto/dns/cache.h"

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

constexpr Instant start{1'000'000'000};

Question question(std::string_view text, Type type = Type::A) {
  return {Name::parse(text).value(), type};
}

AnswerPointer answer(Outcome outcome, Instant expires, std::size_t octets = 0) {
  Answer answer{.outcome = outcome};
  if (octets > 0) answer.records.push_back(Opaque{std::string(octets, 'x')});
  answer.expires = expires;
  return std::make_shared<const Answer>(std::move(answer));
}

TEST(DnsCache, KeepsAnAnswerUntilItExpires) {
  Cache cache(1 << 20, {1, 2});
  const AnswerPointer kept = answer(Outcome::Found, start + seconds(60));
  cache.keep(question("a.example"), kept);
  EXPECT_EQ(cache.find(question("A.example"), start), kept);
  EXPECT_EQ(cache.find(question("a.example", Type::Aaaa), start), nullptr);
  EXPECT_EQ(cache.find(question("a.example"), start + seconds(60) - Duration{1}), kept);
  EXPECT_EQ(cache.find(question("a.example"), start + seconds(60)), nullptr);
  EXPECT_EQ(cache.entries(), 0u);
  EXPECT_EQ(cache.octets(), 0u);
}

TEST(DnsCache, KnowsThatANameThatIsNotHasNoType) {
  Cache cache(1 << 20, {1, 2});
  const AnswerPointer none = answer(Outcome::NoName, start + seconds(60));
  cache.keep(question("no.example", Type::Mx), none);
  EXPECT_EQ(cache.find(question("no.example", Type::A), start), none);
  EXPECT_EQ(cache.find(question("x.no.example", Type::A), start), nullptr);
  const AnswerPointer no_data = answer(Outcome::NoData, start + seconds(60));
  cache.keep(question("b.example", Type::Mx), no_data);
  EXPECT_EQ(cache.find(question("b.example", Type::A), start), nullptr);
}

TEST(DnsCache, ReplacesWhatItKnew) {
  Cache cache(1 << 20, {1, 2});
  cache.keep(question("a.example"), answer(Outcome::Found, start + seconds(60), 5000));
  const std::size_t before = cache.octets();
  const AnswerPointer second = answer(Outcome::NoData, start + seconds(60));
  cache.keep(question("a.example"), second);
  EXPECT_EQ(cache.find(question("a.example"), start), second);
  EXPECT_EQ(cache.entries(), 1u);
  EXPECT_LT(cache.octets() + 4000, before);
}

TEST(DnsCache, LetsGoWhatWasNotUsedLongest) {
  Cache cache(64 * 1024, {1, 2});
  const auto name_of = [](int i) { return question("host" + std::to_string(i) + ".example"); };
  for (int i = 0; i < 1000; ++i) {
    cache.keep(name_of(i), answer(Outcome::Found, start + seconds(60), 100));
    EXPECT_LE(cache.octets(), 64u * 1024);
    EXPECT_NE(cache.find(name_of(0), start), nullptr) << i;  // used all the time
  }
  EXPECT_NE(cache.find(name_of(999), start), nullptr);
  EXPECT_EQ(cache.find(name_of(1), start), nullptr);
  EXPECT_GT(cache.entries(), 50u);
}

TEST(DnsCache, IsNotFilledByOneAnswer) {
  Cache cache(64 * 1024, {1, 2});
  cache.keep(question("small.example"), answer(Outcome::Found, start + seconds(60)));
  cache.keep(question("large.example"), answer(Outcome::Found, start + seconds(60), 60'000));
  EXPECT_EQ(cache.find(question("large.example"), start), nullptr);
  EXPECT_NE(cache.find(question("small.example"), start), nullptr);
}

}  // namespace
}  // namespace ringpost::dns
