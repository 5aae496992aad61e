// Listener: accepting, running out of descriptors, errors that come again, and stopping.
#include "engine/net/listener.h"

#include <chrono>

#include "tests/engine/net/net_fixture.h"

namespace ringpost::net {
namespace {

using test::Owner;
using test::Peer;

class ListenerTest : public test::NetTest {
 protected:
  std::size_t open() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(owners_, [](const Owner& o) { return o.is_open && !o.is_closed; }));
  }
  // Turns that the core needs for `time` although nothing happens.
  int turns_in(Duration time) {
    int turns = 0;
    run([&] { return ++turns > 1'000'000; }, time);
    return turns;
  }
};

TEST_F(ListenerTest, AcceptsManyAtOnce) {
  start();
  std::vector<Peer> peers;
  for (int i = 0; i < 300; ++i) {
    peers.emplace_back(address_);
    ASSERT_EQ(peers.back().error(), 0);
  }
  ASSERT_TRUE(run([&] { return open() == 300; }));
}

TEST_F(ListenerTest, TwoListenersShareAPort) {
  start();
  const auto file = bind_socket(address_);
  ASSERT_TRUE(file.has_value()) << to_text(file.error());
  EXPECT_EQ(bound_address(*file)->port(), address_.port());
  Listener second(*core_, *file, [this](int direct) { accepted(direct); });
  ASSERT_TRUE(second.start().has_value());
  std::vector<Peer> peers;
  for (int i = 0; i < 50; ++i) peers.emplace_back(address_);
  ASSERT_TRUE(run([&] { return open() == 50; }));
  second.stop();
  ASSERT_TRUE(run([&] { return second.finished(); }));
}

TEST_F(ListenerTest, PausesWhenDescriptorsRunOutAndGoesOn) {
  start({.buffers = 64, .buffer_bytes = 4096}, {.ring = {.direct_files_max = 4}});
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) peers.emplace_back(address_);
  ASSERT_TRUE(run([&] { return open() == 4; }));
  std::vector<Peer> more;
  for (int i = 0; i < 20; ++i) more.emplace_back(address_);
  EXPECT_LT(turns_in(milliseconds(500)), 500);  // spinning would take many thousands
  EXPECT_EQ(open(), 4u);
  for (std::size_t i = 0; i < 4; ++i) owners_[i].stream.close(milliseconds(10));
  // One connection was lost for every pause; the rest has waited.
  ASSERT_TRUE(run([&] { return open() == 4; }, seconds(2)));
}

TEST_F(ListenerTest, StopsDuringThePause) {
  start({.buffers = 64, .buffer_bytes = 4096}, {.ring = {.direct_files_max = 1}});
  const Peer one(address_);
  const Peer two(address_);
  run([&] { return false; }, milliseconds(30));
  listener_->stop();
  ASSERT_TRUE(run([&] { return listener_->finished(); }, seconds(1)));
}

TEST_F(ListenerTest, DoesNotSpinOnASocketThatOthersShutDown) {
  start();
  const auto file = bind_socket(*Address::parse("127.0.0.1", 0));
  ASSERT_TRUE(file.has_value());
  Listener listener(*core_, *file, [](int) { FAIL(); });
  ASSERT_TRUE(listener.start().has_value());
  run([&] { return false; }, milliseconds(20));
  ASSERT_EQ(shutdown(*file, SHUT_RDWR), 0);
  EXPECT_LT(turns_in(milliseconds(500)), 500);  // spinning would take many thousands
  listener.stop();
  ASSERT_TRUE(run([&] { return listener.finished(); }, seconds(1)));
}

TEST_F(ListenerTest, StopsAndKeepsWhatWasAccepted) {
  start();
  std::vector<Peer> peers;
  for (int i = 0; i < 10; ++i) peers.emplace_back(address_);
  ASSERT_TRUE(run([&] { return open() == 10; }));
  listener_->stop();
  listener_->stop();
  EXPECT_FALSE(listener_->finished());
  ASSERT_TRUE(run([&] { return listener_->finished(); }, seconds(1)));
  EXPECT_EQ(open(), 10u);
  listener_ = std::make_unique<Listener>(*core_, *bind_socket(*Address::parse("127.0.0.1", 0)),
                                         [](int) { FAIL(); });  // for TearDown
  EXPECT_EQ(Peer(address_).error(), ECONNREFUSED);
  EXPECT_EQ(peers[0].send("x"), 1u);
  ASSERT_TRUE(run([&] { return owners_[0].text == "x" || owners_[9].text == "x"; }, seconds(1)));
}

TEST_F(ListenerTest, PeersThatVanishInTheBacklogDoNoHarm) {
  start();
  for (int i = 0; i < 50; ++i) {
    Peer peer(address_);
    peer.send("x");
    peer.reset();
  }
  const Peer last(address_);
  last.send("here");
  ASSERT_TRUE(run([&] { return !owners_.empty() && owners_.back().text == "here"; }, seconds(2)));
}

TEST_F(ListenerTest, AddressesThatCannotBeBoundAreFaults) {
  const auto foreign = bind_socket(*Address::parse("203.0.113.1", 2525));
  ASSERT_FALSE(foreign.has_value());
  EXPECT_EQ(foreign.error().code, EADDRNOTAVAIL);
  EXPECT_EQ(foreign.error().path, "203.0.113.1:2525");
  const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Address any = *Address::parse("127.0.0.1", 0);
  ASSERT_EQ(bind(taken, any.kernel(), any.kernel_bytes()), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  const auto second = bind_socket(*bound_address(taken));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, EADDRINUSE);
  close(taken);
  EXPECT_EQ(bound_address(-1).error().code, EBADF);
}

}  // namespace
}  // namespace ringpost::net
