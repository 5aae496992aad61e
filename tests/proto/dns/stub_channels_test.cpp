// The stub's sockets: TCP after truncation, ports that change, errors of the kernel.
#include "proto/dns/stub.h"
#include "tests/proto/dns/stub_world.h"

namespace ringpost::dns {
namespace {

using namespace std::string_view_literals;

Message truncated(const Sent& sent) {
  Message message = StubWorld::answer(sent, {});
  message.header.truncated = true;
  return message;
}

// The stream that a truncated answer leads to.
Sent to_stream(StubWorld& world, std::size_t server) {
  const Sent datagram = world.expect_sent(server);
  world.deliver(datagram, truncated(datagram));
  const Sent stream = world.expect_sent(server);
  EXPECT_TRUE(stream.is_stream);
  EXPECT_NE(stream.channel, datagram.channel);
  return stream;
}

TEST(DnsStub, AsksByTcpWhatWasTruncated) {
  StubWorld world(1);
  const Asker asker = world.ask(question("a.example"));
  const Sent stream = to_stream(world, 0);
  EXPECT_EQ(world.channels(), 2u);
  world.reply(stream, {address("a.example", "192.0.2.1")});
  world.expect_told(asker, Outcome::Found);
  EXPECT_EQ(world.channels(), 1u);
  EXPECT_EQ(world.stub().counters().streams, 1u);
}

TEST(DnsStub, TakesAStreamCutAnywhere) {
  StubWorld world(1);
  const Asker asker = world.ask(question("a.example"));
  const Sent stream = to_stream(world, 0);
  std::vector<Record> many(900, address("a.example", "192.0.2.1"));
  const std::string message = encode(StubWorld::answer(stream, many)).value();
  std::string octets{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())};
  octets += message + "behind";
  for (const char& octet : octets) {
    EXPECT_EQ(world.told(asker) != nullptr, &octet >= octets.data() + message.size() + 2);
    world.stub().receive(stream.channel, bytes_of({&octet, 1}), world.now());
  }
  EXPECT_EQ(world.expect_told(asker, Outcome::Found)->records.size(), 900u);
}

TEST(DnsStub, AsksTheNextServerWhenAStreamFails) {
  for (const int way : {0, 1, 2}) {
    StubWorld world(2);
    const Asker asker = world.ask(question("a.example"));
    const Sent stream = to_stream(world, 0);
    if (way == 0) world.break_channel(stream.channel);
    if (way == 1) world.wait(seconds(2));
    if (way == 2) world.stub().receive(stream.channel, bytes_of("\0\3abc"sv), world.now());
    EXPECT_EQ(world.channels(), 2u);  // the stream's is closed, one to the next server open
    world.reply(world.expect_sent(1), {}, ResponseCode::ServerFailure);
    EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, Failure::ServerFailure);
    EXPECT_FALSE(world.sent()) << "a server that truncates is not asked by datagram again";
  }
}

TEST(DnsStub, BelievesNoForgeryInAStream) {
  StubWorld world(1);
  const Asker asker = world.ask(question("a.example"));
  const Sent stream = to_stream(world, 0);
  Message forged = StubWorld::answer(stream, {address("a.example", "203.0.113.66")});
  forged.header.id ^= 1;
  world.deliver(stream, forged);
  EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, Failure::Malformed);
}

TEST(DnsStub, HasABoundedNumberOfStreams) {
  StubOptions options;
  options.streams_max = 2;
  StubWorld world(1, std::move(options));
  for (const char* text : {"a.example", "b.example"}) {
    world.ask(question(text));
    to_stream(world, 0);
  }
  const Asker third = world.ask(question("c.example"));
  const Sent datagram = world.expect_sent(0);
  world.deliver(datagram, truncated(datagram));
  EXPECT_EQ(world.expect_told(third, Outcome::Failed)->failure, Failure::Overload);
  world.wait(seconds(2));  // the streams are given up
  world.ask(question("d.example"));
  to_stream(world, 0);
}

TEST(DnsStub, GoesOnAtOnceWhenAPortIsRefused) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  const Asker other = world.ask(question("b.example"));
  const Sent first = world.expect_sent(0);
  const Sent second = world.expect_sent(0);
  world.break_channel(first.channel);
  if (second.channel != first.channel) world.break_channel(second.channel);
  for (int i = 0; i < 2; ++i) {
    const Sent sent = world.expect_sent(1);
    world.reply(sent, {address(sent.message.question->name.text(), "192.0.2.1")});
  }
  world.expect_told(asker, Outcome::Found);
  world.expect_told(other, Outcome::Found);
  world.ask(question("c.example"));
  world.expect_sent(1);  // the first one rests
}

TEST(DnsStub, EndsWhenEveryPortIsRefused) {
  StubWorld world(2);
  const Asker asker = world.ask(question("a.example"));
  int tries = 0;
  for (; const auto sent = world.sent(); ++tries) world.break_channel(sent->channel);
  EXPECT_EQ(tries, 4);
  EXPECT_EQ(world.expect_told(asker, Outcome::Failed)->failure, Failure::Unreachable);
}

TEST(DnsStub, UsesManyIdsAndPorts) {
  StubWorld world(1);
  std::set<std::uint16_t> ids;
  std::set<ChannelId> channels;
  constexpr int questions = 6000;
  for (int i = 0; i < questions; ++i) {
    const std::string text = "n" + std::to_string(i) + ".example";
    world.ask(question(text));
    const Sent sent = world.expect_sent(0);
    ids.insert(sent.message.header.id);
    channels.insert(sent.channel);
    world.reply(sent, {address(text, "192.0.2.1", 0)});
    EXPECT_LE(world.channels(), ports_per_server);
  }
  EXPECT_GT(ids.size(), 5000u);
  EXPECT_GE(channels.size(), questions / questions_per_port_max);
}

TEST(DnsStub, TakesAnswersOnAPortThatIsGivenUp) {
  StubWorld world(1);
  const Asker slow = world.ask(question("slow.example"));
  const Sent first = world.expect_sent(0);
  world.wait(milliseconds(1000));
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "n" + std::to_string(i) + ".example";
    world.ask(question(text));
    const Sent sent = world.expect_sent(0);
    world.reply(sent, {address(text, "192.0.2.1", 0)});
  }
  EXPECT_LE(world.channels(), ports_per_server + 1);
  world.reply(first, {address("slow.example", "192.0.2.1")});
  world.expect_told(slow, Outcome::Found);
  EXPECT_LE(world.channels(), ports_per_server);
}

TEST(DnsStub, GivesUpOldPorts) {
  StubWorld world(1);
  std::set<ChannelId> channels;
  for (int i = 0; i < 40; ++i) {
    world.ask(question("n" + std::to_string(i) + ".example"));
    const Sent sent = world.expect_sent(0);
    channels.insert(sent.channel);
    world.reply(sent, {}, ResponseCode::NameError);
    world.wait(port_age_max);
  }
  EXPECT_EQ(channels.size(), 40u);
  EXPECT_LE(world.channels(), ports_per_server);
}

}  // namespace
}  // namespace ringpost::dns
