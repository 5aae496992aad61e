// Stream against plain blocking sockets on loopback: what is told, in which order, and that every
// end comes to an end.
#include "engine/net/stream.h"

#include <chrono>

#include "tests/engine/net/net_fixture.h"

namespace ringpost::net {
namespace {

using test::Owner;
using test::pattern;
using test::Peer;

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

class StreamTest : public test::NetTest {
 protected:
  Owner& first() { return owners_.front(); }
  bool first_closed() const { return !owners_.empty() && owners_.front().is_closed; }
};

TEST_F(StreamTest, TellsWhoThePeerIsAndEndsInOrder) {
  start();
  set_up = [](Owner& owner) { owner.on_end = [&owner] { owner.stream.close(seconds(5)); }; };
  std::string own_name;
  run_with(
      [&] {
        Peer peer(address_);
        sockaddr_storage room{};
        socklen_t length = sizeof room;
        ASSERT_EQ(getsockname(peer.file(), reinterpret_cast<sockaddr*>(&room), &length), 0);
        own_name = Address::from_kernel(&room, length)->to_text();
        peer.send("hello");
        peer.end_of_input();
        EXPECT_EQ(peer.receive(), "");
        EXPECT_EQ(peer.error(), 0);
      },
      [&] { return first_closed(); });
  EXPECT_EQ(first().text, "hello");
  EXPECT_EQ(first().end, 0);
  ASSERT_TRUE(first().peer.has_value());
  EXPECT_EQ(first().peer->to_text(), own_name);
  EXPECT_TRUE(first().peer->is_loopback());
}

TEST_F(StreamTest, KnowsAPeerByIpv6) {
  const Address loopback = *Address::parse("::1", 0);
  const auto probe = bind_socket(loopback);
  if (!probe) GTEST_SKIP() << to_text(probe.error());
  close(*probe);
  start({.buffers = 64, .buffer_bytes = 16384}, {}, loopback);
  std::uint16_t own_port = 0;
  run_with(
      [&] {
        const Peer peer(address_);
        sockaddr_storage room{};
        socklen_t length = sizeof room;
        ASSERT_EQ(getsockname(peer.file(), reinterpret_cast<sockaddr*>(&room), &length), 0);
        own_port = Address::from_kernel(&room, length)->port();
        sleep_ms(20);
      },
      [&] { return !owners_.empty() && first().is_open; });
  ASSERT_TRUE(first().peer.has_value());
  EXPECT_EQ(first().peer->host(), "::1");
  EXPECT_EQ(first().peer->port(), own_port);
}

TEST_F(StreamTest, ReceivesManyOctetsInOrder) {
  start();
  const std::string text = pattern(8 << 20);
  run_with(
      [&] {
        const Peer peer(address_);
        EXPECT_EQ(peer.send(text), text.size());
        peer.end_of_input();
      },
      [&] { return !owners_.empty() && first().end.has_value(); });
  EXPECT_TRUE(first().text == text);
}

TEST_F(StreamTest, SendsAllOfItToASlowReader) {
  start();
  const std::string text = pattern(8 << 20);
  set_up = [&](Owner& owner) {
    owner.on_opened = [&] { owner.stream.send(bytes_of(text)); };
    owner.on_sent = [&] { owner.stream.close(seconds(5)); };
  };
  run_with(
      [&] {
        Peer peer(address_);
        std::string got;
        for (int i = 0; i < 20; ++i) {
          got += peer.receive(100'000);
          sleep_ms(2);
        }
        got += peer.receive();
        EXPECT_TRUE(got == text);
      },
      [&] { return first_closed(); });
  EXPECT_EQ(first().send_results, std::vector<int>{0});
}

TEST_F(StreamTest, SendsVectorsAndNothing) {
  start();
  std::vector<std::string> pieces;
  for (unsigned i = 0; i < 300; ++i) pieces.push_back(pattern(1 + i * 37, i));
  std::vector<iovec> parts;
  std::string whole;
  for (std::string& piece : pieces) {
    parts.push_back({piece.data(), piece.size()});
    whole += piece;
  }
  set_up = [&](Owner& owner) {
    owner.on_opened = [&] { owner.stream.send(parts); };
    owner.on_sent = [&] {
      if (owner.send_results.size() == 1) owner.stream.send(Bytes{});
      if (owner.send_results.size() == 2) owner.stream.close(seconds(5));
    };
  };
  run_with([&] { EXPECT_TRUE(Peer(address_).receive() == whole); }, [&] { return first_closed(); });
  EXPECT_EQ(first().send_results, (std::vector<int>{0, 0}));
}

TEST_F(StreamTest, SendsOnAfterThePeerEndedItsSide) {
  start();
  set_up = [](Owner& owner) {
    owner.on_end = [&owner] { owner.stream.send(bytes_of("still here")); };
    owner.on_sent = [&owner] { owner.stream.close(seconds(5)); };
  };
  run_with(
      [&] {
        Peer peer(address_);
        peer.end_of_input();
        EXPECT_EQ(peer.receive(), "still here");
      },
      [&] { return first_closed(); });
  EXPECT_EQ(first().end, 0);
  EXPECT_EQ(first().send_results, std::vector<int>{0});
}

TEST_F(StreamTest, TellsOfAReset) {
  start();
  run_with(
      [&] {
        Peer peer(address_);
        peer.send("abc");
        sleep_ms(20);
        peer.reset();
      },
      [&] { return !owners_.empty() && first().end.has_value(); });
  EXPECT_EQ(first().end, ECONNRESET);
  EXPECT_EQ(first().text, "abc");
  first().stream.send(bytes_of("too late"));
  ASSERT_TRUE(run([&] { return !first().send_results.empty(); }));
  EXPECT_EQ(first().send_results, std::vector<int>{EPIPE});
  first().stream.close(seconds(5));
  ASSERT_TRUE(run([&] { return first_closed(); }, seconds(2)));
}

TEST_F(StreamTest, TellsTheSenderOfAReset) {
  start();
  const std::string text = pattern(32 << 20);
  set_up = [&](Owner& owner) { owner.on_opened = [&] { owner.stream.send(bytes_of(text)); }; };
  run_with(
      [&] {
        Peer peer(address_);
        peer.receive(1000);
        peer.reset();
      },
      [&] { return !owners_.empty() && !first().send_results.empty(); });
  ASSERT_EQ(first().send_results.size(), 1u);
  EXPECT_NE(first().send_results[0], 0);
}

TEST_F(StreamTest, ConnectsAndTalks) {
  start();
  set_up = [](Owner& owner) {
    owner.on_received = [&owner] {
      if (owner.text.ends_with("\n")) owner.stream.send(bytes_of("pong\n"));
    };
    owner.on_end = [&owner] { owner.stream.close(seconds(5)); };
  };
  Owner& client = make_owner();
  client.on_opened = [&] {
    client.stream.receive();
    client.stream.send(bytes_of("ping\n"));
  };
  client.on_received = [&] { client.stream.close(seconds(5)); };
  client.stream.connect(address_, seconds(5));
  ASSERT_TRUE(run([&] { return client.is_closed && owners_.size() == 2 && owners_[1].is_closed; }));
  EXPECT_EQ(client.text, "pong\n");
  EXPECT_EQ(owners_[1].text, "ping\n");
  EXPECT_EQ(client.peer->to_text(), address_.to_text());
}

TEST_F(StreamTest, ConnectsFromAnAddressOfOurs) {
  start();
  Owner& client = make_owner();
  client.stream.connect(address_, *Address::parse("127.0.0.7", 0), seconds(5));
  ASSERT_TRUE(run([&] { return client.is_open && owners_.size() == 2 && owners_[1].is_open; }));
  EXPECT_EQ(owners_[1].peer->host(), "127.0.0.7");
  Owner& lost = make_owner();
  lost.stream.connect(address_, *Address::parse("192.0.2.1", 0), seconds(5));
  EXPECT_FALSE(lost.failure) << "told from inside connect()";
  ASSERT_TRUE(run([&] { return lost.is_closed; }));
  EXPECT_EQ(lost.failure, EADDRNOTAVAIL);
}

TEST_F(StreamTest, AConnectionFromAnAddressEndsAtOnceWhenItIsNotWanted) {
  start();
  Owner& client = make_owner();
  client.stream.connect(address_, *Address::parse("127.0.0.7", 0), seconds(5));
  client.stream.abort();
  ASSERT_TRUE(run([&] { return client.is_closed; }));
  EXPECT_EQ(client.failure, ECANCELED);
}

TEST_F(StreamTest, ConnectsToAUnixSocketAndTellsWhyNot) {
  start();
  const test::TemporaryDirectory folder;
  const auto target = SocketPath::parse(folder.file("socket"));
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(file, target->kernel(), target->kernel_bytes()), 0);
  ASSERT_EQ(listen(file, 1), 0);
  Owner& client = make_owner();
  client.on_opened = [&] {
    client.stream.receive();
    client.stream.send(bytes_of("ping"));
  };
  client.on_received = [&] { client.stream.close(seconds(5)); };
  client.stream.connect(*target, seconds(5));
  run_with(
      [&] {
        Peer peer(accept4(file, nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_EQ(peer.receive(4), "ping");
        peer.send("pong");
        EXPECT_EQ(peer.receive(), "");
      },
      [&] { return client.is_closed; });
  EXPECT_EQ(client.text, "pong");
  EXPECT_FALSE(client.peer.has_value());
  EXPECT_FALSE(client.failure.has_value());
  close(file);
  Owner& refused = make_owner();
  refused.stream.connect(*target, seconds(5));
  const auto nowhere = SocketPath::parse(folder.file("nowhere"));
  Owner& lost = make_owner();
  lost.stream.connect(*nowhere, seconds(5));
  ASSERT_TRUE(run([&] { return refused.is_closed && lost.is_closed; }, seconds(2)));
  EXPECT_EQ(refused.failure, ECONNREFUSED);
  EXPECT_EQ(lost.failure, ENOENT);
}

// A bound port on which nobody listens.
class DeadPort {
 public:
  explicit DeadPort(int backlog = -1) : file_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const Address any = *Address::parse("127.0.0.1", 0);
    EXPECT_EQ(bind(file_, any.kernel(), any.kernel_bytes()), 0);
    if (backlog >= 0) EXPECT_EQ(listen(file_, backlog), 0);
    address = bound_address(file_).value();
  }
  ~DeadPort() { close(file_); }
  Address address;

 private:
  int file_;
};

TEST_F(StreamTest, TellsOfARefusedConnection) {
  start();
  const DeadPort port;
  Owner& client = make_owner();
  client.stream.connect(port.address, seconds(5));
  ASSERT_TRUE(run([&] { return client.failure.has_value(); }, seconds(2)));
  EXPECT_EQ(client.failure, ECONNREFUSED);
  EXPECT_FALSE(client.is_open);
}

TEST_F(StreamTest, TellsOfAnAddressThatCannotBeReached) {
  start();
  Owner& client = make_owner();
  client.stream.connect(*Address::parse("255.255.255.255", 25), seconds(5));
  ASSERT_TRUE(run([&] { return client.failure.has_value(); }, seconds(2)));
  EXPECT_NE(client.failure, 0);
  EXPECT_NE(client.failure, ETIMEDOUT);
}

TEST_F(StreamTest, ConnectingEndsInTime) {
  start();
  const DeadPort port(0);
  std::vector<Owner*> clients;
  const Instant begin = test::monotonic_now();
  // The first fill the backlog; what comes then is not answered.
  for (int i = 0; i < 8; ++i) {
    clients.push_back(&make_owner());
    clients.back()->stream.connect(port.address, milliseconds(200));
  }
  ASSERT_TRUE(run([&] {
    return std::ranges::all_of(clients, [](Owner* o) { return o->is_open || o->failure; });
  }));
  EXPECT_GE(test::monotonic_now() - begin, milliseconds(200));
  EXPECT_FALSE(clients.back()->is_open);
  EXPECT_EQ(clients.back()->failure, ETIMEDOUT);
}

TEST_F(StreamTest, AbortAndCloseEndAnAttempt) {
  start();
  const DeadPort port(0);
  std::vector<Owner*> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(&make_owner());
    clients.back()->stream.connect(port.address, seconds(20));
  }
  ASSERT_TRUE(run([&, turns = 0]() mutable {
    core_->turn_again();
    return ++turns > 20;
  }));
  ASSERT_FALSE(clients[6]->is_open);
  ASSERT_FALSE(clients[7]->is_open);
  clients[6]->stream.abort();
  clients[6]->stream.abort();
  clients[7]->stream.close(seconds(10));
  ASSERT_TRUE(run([&] { return clients[6]->failure && clients[7]->failure; }, seconds(2)));
  EXPECT_EQ(clients[6]->failure, ECANCELED);
  EXPECT_EQ(clients[7]->failure, ECANCELED);
}

TEST_F(StreamTest, AbortedBeforeTheFirstStepOfConnecting) {
  start();
  Owner& client = make_owner();
  client.stream.connect(address_, seconds(5));
  client.stream.abort();
  ASSERT_TRUE(run([&] { return client.is_closed; }, seconds(2)));
  EXPECT_EQ(client.failure, ECANCELED);
}

}  // namespace
}  // namespace ringpost::net
