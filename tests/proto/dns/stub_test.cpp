// The stub against servers that lose, delay, forge, refuse and truncate, on a virtual clock.
#include "proto/dns/stub.h"

#include "tests/proto/dns/stub_world.h"

namespace ringpost::dns {
namespace {

conf::NetAddress inet(std::string_view text) { return conf::parse_net_address(text).value(); }

TEST(DnsStub, AsksAndRemembers) {
  StubWorld world(1);
  const Asker asker = world.ask(question("mail.example"));
  const Sent sent = world.expect_sent(0);
  EXPECT_EQ(sent.message.question, question("mail.example"));
  EXPECT_TRUE(sent.message.header.recursion_desired);
  EXPECT_TRUE(sent.message.header.authentic);
  ASSERT_TRUE(sent.message.edns);
  EXPECT_EQ(sent.message.edns->datagram_octets_max, 1232);
  world.wait(milliseconds(30));
  EXPECT_EQ(world.told(asker), nullptr);
  world.reply(sent, {address("mail.example", "192.0.2.25", 300)});
  const AnswerPointer answer = world.expect_told(asker, Outcome::Found);
  EXPECT_EQ(answer->records, std::vector<RecordData>{inet("192.0.2.25")});
  EXPECT_EQ(world.last_took(), milliseconds(30));
  EXPECT_EQ(world.stub().deadline(), never);

  EXPECT_EQ(world.stub().find(question("MAIL.example"), world.now()), answer);
  world.wait(seconds(300));
  EXPECT_EQ(world.stub().find(question("mail.example"), world.now()), nullptr);
  EXPECT_EQ(world.stub().counters().hits, 1u);
  EXPECT_EQ(world.stub().counters().misses, 1u);
}

TEST(DnsStub, AsksOnceForAllWhoWait) {
  StubWorld world(1);
  const Asker first = world.ask(question("mail.example"));
  const Asker second = world.ask(question("MAIL.example"));
  const Asker other = world.ask(question("mail.example", Type::Aaaa));
  const Sent sent = world.expect_sent(0);
  EXPECT_EQ(world.expect_sent(0).message.question->type, Type::Aaaa);
  EXPECT_FALSE(world.sent());
  world.reply(sent, {address("mail.example", "192.0.2.25")});
  world.expect_told(first, Outcome::Found);
  world.expect_told(second, Outcome::Found);
  EXPECT_EQ(world.told(other), nullptr);
  EXPECT_EQ(world.stub().counters().coalesced, 1u);
}

TEST(DnsStub, KeepsNegativeAnswers) {
  StubWorld world(1);
  const Asker none = world.ask(question("no.example"));
  world.reply(world.expect_sent(0), {}, ResponseCode::NameError, {soa(60)});
  world.expect_told(none, Outcome::NoName);
  const Asker no_data = world.ask(question("a.example", Type::Mx));
  world.reply(world.expect_sent(0), {}, ResponseCode::NoError, {soa(60)});
  world.expect_told(no_data, Outcome::NoData);
  world.wait(seconds(59));
  EXPECT_NE(world.stub().find(question("no.example", Type::Txt), world.now()), nullptr);
  EXPECT_NE(world.stub().find(question("a.example", Type::Mx), world.now()), nullptr);
  EXPECT_EQ(world.stub().find(question("a.example"), world.now()), nullptr);
  EXPECT_EQ(world.stub().counters().hits_negative, 2u);
  world.wait(seconds(1));
  EXPECT_EQ(world.stub().find(question("no.example"), world.now()), nullptr);
}

TEST(DnsStub, KeepsNothingWithoutALifetime) {
  StubWorld world(1);
  const Asker none = world.ask(question("no.example"));
  world.reply(world.expect_sent(0), {}, ResponseCode::NameError);
  world.expect_told(none, Outcome::NoName);
  const Asker zero = world.ask(question("zero.example"));
  world.reply(world.expect_sent(0), {address("zero.example", "192.0.2.1", 0)});
  world.expect_told(zero, Outcome::Found);
  EXPECT_EQ(world.stub().cache().entries(), 0u);
}

TEST(DnsStub, BoundsLifetimes) {
  StubWorld world(1);
  world.ask(question("a.example"));
  world.reply(world.expect_sent(0), {address("a.example", "192.0.2.1", 0x7fff'ffff)});
  world.ask(question("no.example"));
  world.reply(world.expect_sent(0), {}, ResponseCode::NameError, {soa(0x7fff'ffff)});
  world.wait(seconds(ttl_missing_max_s));
  EXPECT_EQ(world.stub().find(question("no.example"), world.now()), nullptr);
  EXPECT_NE(world.stub().find(question("a.example"), world.now()), nullptr);
  world.wait(seconds(ttl_found_max_s - ttl_missing_max_s));
  EXPECT_EQ(world.stub().find(question("a.example"), world.now()), nullptr);
}

TEST(DnsStub, AsksTheNextServerWhenOneIsSilent) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  world.expect_sent(0);
  world.wait(seconds(2));
  world.reply(world.expect_sent(1), {address("a.example", "192.0.2.1")});
  world.expect_told(asker, Outcome::Found);
  EXPECT_EQ(world.stub().counters().timeouts, 1u);
}

TEST(DnsStub, TakesALateAnswer) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  const Sent slow = world.expect_sent(0);
  world.wait(seconds(2));
  const Sent second = world.expect_sent(1);
  world.wait(milliseconds(100));
  world.reply(slow, {address("a.example", "192.0.2.1")});
  world.expect_told(asker, Outcome::Found);
  world.reply(second, {address("a.example", "192.0.2.2")});  // too late for anybody
  EXPECT_EQ(world.stub().counters().unexpected, 1u);
}

TEST(DnsStub, EndsWhenNobodyAnswers) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  for (const std::size_t server : {0u, 1u, 0u, 1u}) {
    world.expect_sent(server);
    EXPECT_EQ(world.told(asker), nullptr);
    world.wait(seconds(2));
  }
  EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, Failure::Timeout);
  EXPECT_EQ(world.last_took(), seconds(8));
  EXPECT_FALSE(world.sent());
  // RFC 9520: for a while nobody is asked again.
  EXPECT_NE(world.stub().find(question("a.example"), world.now()), nullptr);
  world.wait(seconds(ttl_failed_s));
  EXPECT_EQ(world.stub().find(question("a.example"), world.now()), nullptr);
}

TEST(DnsStub, LetsASilentServerRest) {
  StubWorld world(2);
  for (int i = 0; i < 2; ++i) {
    world.ask(question("a" + std::to_string(i) + ".example"));
    world.expect_sent(0);
  }
  world.wait(seconds(2));
  world.ask(question("b.example"));
  for (int i = 0; i < 3; ++i) world.reply(world.expect_sent(1), {}, ResponseCode::NameError);
  world.wait(server_rest);
  world.ask(question("c.example"));
  const Sent trial = world.expect_sent(0);  // one question tries it
  world.ask(question("d.example"));
  world.expect_sent(1);
  world.reply(trial, {address("c.example", "192.0.2.1")});
  world.ask(question("e.example"));
  world.expect_sent(0);
}

TEST(DnsStub, AsksASilentServerWhenThereIsNoOther) {
  StubWorld world(1);
  for (int i = 0; i < 5; ++i) {
    world.ask(question("a" + std::to_string(i) + ".example"));
    world.expect_sent(0);
    world.wait(seconds(2));
    world.expect_sent(0);
    world.wait(seconds(2));
  }
  EXPECT_EQ(world.stub().counters().failures, 5u);
}

TEST(DnsStub, GoesOnAtOnceWhenAServerFails) {
  for (const auto& [code, failure] :
       {std::pair{ResponseCode::ServerFailure, Failure::ServerFailure},
        std::pair{ResponseCode::Refused, Failure::Refused}}) {
    StubWorld world(2);
    const Asker asker = world.ask(question("a.example"));
    world.reply(world.expect_sent(0), {}, code);
    const Sent second = world.expect_sent(1);
    world.reply(second, {}, code);
    EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, failure);
    EXPECT_EQ(world.last_took(), Duration{});
    EXPECT_FALSE(world.sent());
  }
}

TEST(DnsStub, GoesOnWhenAServerIsLame) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  const Sent first = world.expect_sent(0);
  Message lame = StubWorld::answer(first, {});
  lame.header.recursion_available = false;
  world.deliver(first, lame);
  world.reply(world.expect_sent(1), {address("a.example", "192.0.2.1")});
  world.expect_told(asker, Outcome::Found);
}

TEST(DnsStub, AsksTheSilentOneAgainWhenTheOtherFails) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  world.expect_sent(0);
  world.wait(seconds(2));
  world.reply(world.expect_sent(1), {}, ResponseCode::ServerFailure);
  world.reply(world.expect_sent(0), {address("a.example", "192.0.2.1")});
  world.expect_told(asker, Outcome::Found);
}

TEST(DnsStub, BelievesNoForgery) {
  StubWorld world(1);
  const Asker asker = world.ask(question("a.example"));
  const Sent sent = world.expect_sent(0);
  const Message good = StubWorld::answer(sent, {address("a.example", "192.0.2.1")});
  Message forged = StubWorld::answer(sent, {address("a.example", "203.0.113.66")});
  forged.header.id ^= 1;
  world.deliver(sent, forged);
  forged = good;
  forged.question->name = name("b.example");
  world.deliver(sent, forged);
  forged.question = question("a.example", Type::Aaaa);
  world.deliver(sent, forged);
  forged.question.reset();
  world.deliver(sent, forged);
  EXPECT_EQ(world.stub().counters().unexpected, 4u);
  forged = good;
  forged.header.is_response = false;
  world.deliver(sent, forged);
  forged = good;
  forged.header.operation = 4;
  world.deliver(sent, forged);
  world.stub().receive(sent.channel, bytes_of("garbage"), world.now());
  world.stub().receive(sent.channel, {}, world.now());
  EXPECT_EQ(world.stub().counters().malformed, 4u);
  world.stub().receive(sent.channel + 1000, bytes_of("nowhere"), world.now());
  EXPECT_EQ(world.told(asker), nullptr);
  world.deliver(sent, good);
  EXPECT_EQ(world.expect_told(asker, Outcome::Found)->records[0], RecordData(inet("192.0.2.1")));
}

TEST(DnsStub, TakesNoAnswerByAnotherWay) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  const Sent first = world.expect_sent(0);
  world.wait(seconds(2));
  Sent crossed = world.expect_sent(1);
  const Message message = StubWorld::answer(first, {address("a.example", "192.0.2.1")});
  world.deliver(crossed, message);  // the first server's id on the second one's channel
  EXPECT_EQ(world.told(asker), nullptr);
  EXPECT_EQ(world.stub().counters().unexpected, 1u);
}

TEST(DnsStub, TakesNoRecordsOfOthers) {
  StubWorld world(1);
  const Asker asker = world.ask(question("a.example"));
  world.reply(world.expect_sent(0),
              {address("a.example", "192.0.2.1"), address("bank.example", "203.0.113.66")});
  EXPECT_EQ(world.expect_told(asker, Outcome::Found)->records.size(), 1u);
  EXPECT_EQ(world.stub().find(question("bank.example"), world.now()), nullptr);
}

TEST(DnsStub, GivesUpAServerWhoseAnswerIsNone) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  const Sent sent = world.expect_sent(0);
  std::string octets = encode(StubWorld::answer(sent, {})).value() + "x";
  world.stub().receive(sent.channel, bytes_of(octets), world.now());
  EXPECT_EQ(world.stub().counters().malformed, 1u);
  world.reply(world.expect_sent(1), {address("a.example", "192.0.2.1")});
  world.expect_told(asker, Outcome::Found);
}

TEST(DnsStub, AsksWithoutEdnsWhoDoesNotKnowIt) {
  for (const bool repeats_question : {true, false}) {
    StubWorld world(1);
    const Asker asker = world.ask(question("a.example"));
    const Sent sent = world.expect_sent(0);
    Message refusal = StubWorld::answer(sent, {}, ResponseCode::FormatError);
    refusal.edns.reset();
    if (!repeats_question) refusal.question.reset();
    world.deliver(sent, refusal);
    const Sent again = world.expect_sent(0);
    EXPECT_FALSE(again.message.edns);
    world.reply(again, {address("a.example", "192.0.2.1")});
    world.expect_told(asker, Outcome::Found);
  }
}

TEST(DnsStub, GivesUpWhoRefusesEitherForm) {
  StubWorld world(1);
  const Asker asker = world.ask(question("a.example"));
  for (int i = 0; i < 2; ++i) {
    const Sent sent = world.expect_sent(0);
    Message refusal = StubWorld::answer(sent, {}, ResponseCode::NotImplemented);
    refusal.edns.reset();
    world.deliver(sent, refusal);
  }
  EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, Failure::ServerFailure);
  EXPECT_FALSE(world.sent());
}

TEST(DnsStub, FollowsAChainThroughResponses) {
  StubWorld world(1);
  const Asker asker = world.ask(question("a.example"));
  world.reply(world.expect_sent(0), {alias("a.example", "b.example", 100)});
  const Sent second = world.expect_sent(0);
  EXPECT_EQ(second.message.question, question("b.example"));
  world.reply(second, {address("b.example", "192.0.2.1", 300)});
  const AnswerPointer answer = world.expect_told(asker, Outcome::Found);
  EXPECT_EQ(answer->owner, name("b.example"));
  EXPECT_EQ(answer->expires, world.now() + seconds(100));
  EXPECT_EQ(world.stub().find(question("a.example"), world.now()), answer);
}

TEST(DnsStub, UsesWhatItKnowsOfAChain) {
  StubWorld world(1);
  world.ask(question("b.example"));
  world.reply(world.expect_sent(0), {address("b.example", "192.0.2.1", 50)});
  const Asker asker = world.ask(question("a.example"));
  world.reply(world.expect_sent(0), {alias("a.example", "b.example", 100)});
  const AnswerPointer answer = world.expect_told(asker, Outcome::Found);
  EXPECT_EQ(answer->expires, world.now() + seconds(50));
  EXPECT_FALSE(world.sent());
}

TEST(DnsStub, EndsAnEndlessChain) {
  StubWorld world(1);
  const Asker asker = world.ask(question("n0.example"));
  unsigned links = 0;
  while (const auto sent = world.sent()) {
    const std::string next = "n" + std::to_string(++links) + ".example";
    world.reply(*sent, {alias(sent->message.question->name.text(), next)});
  }
  EXPECT_EQ(links, chain_links_max + 1);
  EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, Failure::LongChain);
}

TEST(DnsStub, KeepsAdOfTrustedServersOnly) {
  for (const bool trusted : {false, true}) {
    StubOptions options;
    options.settings.servers = {parse_server("192.0.2.1").value()};
    options.settings.servers[0].trusted = trusted;
    StubWorld world(std::move(options));
    const Asker asker = world.ask(question("a.example"));
    const Sent sent = world.expect_sent(0);
    Message secure = StubWorld::answer(sent, {address("a.example", "192.0.2.1")});
    secure.header.authentic = true;
    world.deliver(sent, secure);
    EXPECT_EQ(world.expect_told(asker, Outcome::Found)->authentic, trusted);
  }
}

TEST(DnsStub, IsAsAuthenticAsEveryLinkOfTheChain) {
  StubOptions options;
  options.settings.servers = {parse_server("127.0.0.1").value()};
  StubWorld world(std::move(options));
  const Asker asker = world.ask(question("a.example"));
  world.reply(world.expect_sent(0), {alias("a.example", "b.example")});
  const Sent second = world.expect_sent(0);
  Message secure = StubWorld::answer(second, {address("b.example", "192.0.2.1")});
  secure.header.authentic = true;
  world.deliver(second, secure);
  EXPECT_FALSE(world.expect_told(asker, Outcome::Found)->authentic);
}

TEST(DnsStub, FailsAtOnceWithoutServers) {
  StubWorld world(0);
  const Asker asker = world.ask(question("a.example"));
  EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, Failure::NoServer);
  EXPECT_EQ(world.stub().cache().entries(), 0u);
}

TEST(DnsStub, FailsAtOnceBeyondItsLimit) {
  StubOptions options;
  options.questions_max = 2;
  StubWorld world(1, std::move(options));
  world.ask(question("a.example"));
  world.ask(question("b.example"));
  const Asker third = world.ask(question("c.example"));
  EXPECT_EQ(world.expect_told(third, Outcome::Failed)->failure, Failure::Overload);
  EXPECT_EQ(world.stub().under_way(), 2u);
  EXPECT_EQ(world.stub().find(question("c.example"), world.now()), nullptr);
}

}  // namespace
}  // namespace ringpost::dns
