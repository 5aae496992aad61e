// One response and what it means: chains, negative answers and their lifetimes, servers that know
// nothing.
#include "proto/dns/answer.h"

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

using Kind = Judgement::Kind;

Name name(std::string_view text) { return Name::parse(text).value(); }

Record address(std::string_view owner, std::uint32_t ttl_s, std::string_view text = "192.0.2.1") {
  return {.owner = name(owner),
          .type = Type::A,
          .ttl_s = ttl_s,
          .data = *conf::parse_net_address(text)};
}

Record alias(std::string_view owner, std::string_view target, std::uint32_t ttl_s = 300) {
  return {.owner = name(owner), .type = Type::Cname, .ttl_s = ttl_s, .data = name(target)};
}

Record soa(std::uint32_t ttl_s, std::uint32_t minimum_s) {
  StartOfAuthority data{.server = name("ns.example"), .contact = name("admin.example")};
  data.minimum_s = minimum_s;
  return {.owner = name("example"), .type = Type::Soa, .ttl_s = ttl_s, .data = data};
}

Judgement judged(ResponseCode code, std::vector<Record> answers,
                 std::vector<Record> authorities = {}, bool recursion = true) {
  Message response;
  response.header = {.is_response = true, .recursion_available = recursion, .code = code};
  response.answers = std::move(answers);
  response.authorities = std::move(authorities);
  return judge(response, {name("a.example"), Type::A});
}

TEST(DnsAnswer, TakesTheRecordsOfTheType) {
  const Judgement found =
      judged(ResponseCode::NoError, {address("a.example", 300), address("other.example", 1),
                                     address("a.example", 60, "192.0.2.2")});
  EXPECT_EQ(found.kind, Kind::Found);
  EXPECT_EQ(found.records.size(), 2u);
  EXPECT_EQ(found.ttl_s, 60u);
  EXPECT_EQ(found.owner, name("a.example"));
}

TEST(DnsAnswer, FollowsAChainInWhateverOrder) {
  const Judgement found =
      judged(ResponseCode::NoError, {address("c.example", 300), alias("b.example", "c.example", 20),
                                     alias("a.example", "b.example")});
  EXPECT_EQ(found.kind, Kind::Found);
  EXPECT_EQ(found.owner, name("c.example"));
  EXPECT_EQ(found.ttl_s, 20u);
  EXPECT_EQ(found.links, 2u);
}

TEST(DnsAnswer, GoesAroundInNoLoop) {
  const Judgement loop = judged(ResponseCode::NoError,
                                {alias("a.example", "b.example"), alias("b.example", "a.example")});
  EXPECT_EQ(loop.kind, Kind::Failed);
  EXPECT_EQ(loop.failure, Failure::LongChain);
}

TEST(DnsAnswer, SaysWhereAChainGoesOn) {
  const Judgement open = judged(ResponseCode::NoError, {alias("a.example", "b.example")});
  EXPECT_EQ(open.kind, Kind::Elsewhere);
  EXPECT_EQ(open.owner, name("b.example"));
  EXPECT_EQ(open.ttl_s, 300u);
  const Judgement ends =
      judged(ResponseCode::NoError, {alias("a.example", "b.example")}, {soa(60, 60)});
  EXPECT_EQ(ends.kind, Kind::NoData);
}

TEST(DnsAnswer, KeepsNegativeAnswersAsLongAsTheSoaSays) {
  const Judgement missing = judged(ResponseCode::NameError, {}, {soa(900, 60)});
  EXPECT_EQ(missing.kind, Kind::NoName);
  EXPECT_EQ(missing.ttl_s, 60u);
  EXPECT_EQ(judged(ResponseCode::NoError, {}, {soa(30, 60)}).ttl_s, 30u);
  const Judgement target =
      judged(ResponseCode::NameError, {alias("a.example", "b.example", 5)}, {soa(900, 60)});
  EXPECT_EQ(target.kind, Kind::NoName);
  EXPECT_EQ(target.ttl_s, 5u);
}

TEST(DnsAnswer, KeepsNoNegativeAnswerWithoutASoa) {
  EXPECT_EQ(judged(ResponseCode::NameError, {}).kind, Kind::NoName);
  EXPECT_EQ(judged(ResponseCode::NameError, {}).ttl_s, std::nullopt);
  EXPECT_EQ(judged(ResponseCode::NameError, {alias("a.example", "b.example")}).ttl_s, std::nullopt);
  EXPECT_EQ(judged(ResponseCode::NoError, {}).kind, Kind::NoData);
  EXPECT_EQ(judged(ResponseCode::NoError, {}).ttl_s, std::nullopt);
}

TEST(DnsAnswer, KnowsALameServer) {
  const Record referral{.owner = name("example"), .type = Type::Ns, .data = name("ns.example")};
  EXPECT_EQ(judged(ResponseCode::NoError, {}, {referral}).failure, Failure::Lame);
  EXPECT_EQ(judged(ResponseCode::NoError, {}, {}, false).failure, Failure::Lame);
  Message response;
  response.header = {.is_response = true, .authoritative = true};
  EXPECT_EQ(judge(response, {name("a.example"), Type::A}).kind, Kind::NoData);
}

TEST(DnsAnswer, BlamesTheServerForItsErrors) {
  EXPECT_EQ(judged(ResponseCode::ServerFailure, {address("a.example", 1)}).failure,
            Failure::ServerFailure);
  EXPECT_EQ(judged(ResponseCode::Refused, {}).failure, Failure::Refused);
  EXPECT_EQ(judged(static_cast<ResponseCode>(11), {}).failure, Failure::ServerFailure);
}

TEST(DnsAnswer, DoesNotTakeOtherClasses) {
  Record chaos = address("a.example", 300);
  chaos.record_class = 3;
  chaos.data = Opaque{"abcd"};
  Record alias_of_chaos = chaos;
  alias_of_chaos.type = Type::Cname;
  EXPECT_EQ(judged(ResponseCode::NoError, {chaos, alias_of_chaos}).kind, Kind::NoData);
}

}  // namespace
}  // namespace ringpost::dns
