// How a Stream ends, holds and starves, against plain blocking sockets on loopback.
#include <atomic>
#include <chrono>
#include <random>

#include <sys/ioctl.h>

#include "engine/net/stream.h"
#include "tests/engine/net/net_fixture.h"

namespace ringpost::net {
namespace {

using test::Owner;
using test::pattern;
using test::Peer;

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

class StreamEndTest : public test::NetTest {
 protected:
  Owner& first() { return owners_.front(); }
  bool first_closed() const { return !owners_.empty() && owners_.front().is_closed; }
};

TEST_F(StreamEndTest, AbortDropsWhatIsBeingSent) {
  start();
  const std::string text = pattern(32 << 20);
  set_up = [&](Owner& owner) { owner.on_opened = [&] { owner.stream.send(bytes_of(text)); }; };
  std::atomic<bool> reading_over{false};
  std::thread thread([&] {
    Peer peer(address_);
    sleep_ms(300);
    const std::string got = peer.receive();
    EXPECT_LT(got.size(), text.size());
    EXPECT_TRUE(text.starts_with(got));
    reading_over.store(true);
  });
  ASSERT_TRUE(run([&] { return !owners_.empty() && first().stream.sending(); }));
  run([&] { return false; }, milliseconds(50));
  first().stream.abort();
  EXPECT_TRUE(first().stream.closing());
  ASSERT_TRUE(run([&] { return first_closed(); }, seconds(2)));
  EXPECT_FALSE(reading_over.load()) << "abort must not wait for the peer";
  EXPECT_TRUE(first().send_results.empty());
  thread.join();
}

// The reason for a lingering close: input that was not read must not turn the end into a reset that
// destroys the reply.
TEST_F(StreamEndTest, TheLastReplyIsReadableAlthoughInputWasNotRead) {
  start();
  set_up = [](Owner& owner) {
    owner.on_received = [&owner] {
      owner.stream.hold();
      owner.stream.send(bytes_of("421 too much\r\n"));
      owner.on_received = nullptr;
    };
    owner.on_sent = [&owner] { owner.stream.close(seconds(5)); };
  };
  run_with(
      [&] {
        Peer peer(address_);
        peer.send(pattern(200'000));
        sleep_ms(50);
        peer.send(pattern(200'000));
        sleep_ms(50);
        EXPECT_EQ(peer.receive(), "421 too much\r\n");
        EXPECT_EQ(peer.error(), 0);
      },
      [&] { return first_closed(); });
  EXPECT_EQ(first().send_results, std::vector<int>{0});
}

TEST_F(StreamEndTest, CloseSendsTheRestFirst) {
  start();
  const std::string text = pattern(4 << 20);
  set_up = [&](Owner& owner) {
    owner.on_opened = [&] {
      owner.stream.send(bytes_of(text));
      owner.stream.close(seconds(10));
      owner.stream.close(seconds(10));
    };
  };
  run_with([&] { EXPECT_TRUE(Peer(address_).receive() == text); }, [&] { return first_closed(); });
}

TEST_F(StreamEndTest, LingeringEndsInTime) {
  start();
  set_up = [](Owner& owner) {
    owner.on_opened = [&owner] { owner.stream.close(milliseconds(150)); };
  };
  const Peer silent(address_);
  const Instant begin = test::monotonic_now();
  ASSERT_TRUE(run([&] { return first_closed(); }));
  EXPECT_GE(test::monotonic_now() - begin, milliseconds(150));
  EXPECT_LT(test::monotonic_now() - begin, seconds(20));
}

// The peer is waited for, but not for ever: one that waits for us in turn sees our end.
TEST_F(StreamEndTest, PatienceEndsInTime) {
  start();
  set_up = [](Owner& owner) {
    owner.on_opened = [&owner] {
      owner.stream.send(bytes_of("221 bye\r\n"));
      owner.stream.close(seconds(5), milliseconds(100));
    };
  };
  run_with(
      [&] {
        Peer peer(address_);
        const Instant begin = test::monotonic_now();
        EXPECT_EQ(peer.receive(), "221 bye\r\n");
        EXPECT_EQ(peer.error(), 0);
        EXPECT_GE(test::monotonic_now() - begin, milliseconds(80));
        EXPECT_LT(test::monotonic_now() - begin, seconds(20));
      },
      [&] { return first_closed(); });
}

TEST_F(StreamEndTest, APeerThatEndsFirstIsNotWaitedFor) {
  start();
  set_up = [](Owner& owner) {
    owner.on_opened = [&owner] {
      owner.stream.send(bytes_of("221 bye\r\n"));
      owner.stream.close(seconds(10), seconds(10));
    };
  };
  const Instant begin = test::monotonic_now();
  run_with(
      [&] {
        Peer peer(address_);
        EXPECT_EQ(peer.receive(9), "221 bye\r\n");
        peer.send("still talking");
        peer.end_of_input();
        EXPECT_EQ(peer.receive(), "");
        EXPECT_EQ(peer.error(), 0);
      },
      [&] { return first_closed(); });
  EXPECT_LT(test::monotonic_now() - begin, seconds(20));
}

TEST_F(StreamEndTest, PatienceIsPartOfTheLingering) {
  start();
  set_up = [](Owner& owner) {
    owner.on_opened = [&owner] { owner.stream.close(milliseconds(100), seconds(60)); };
  };
  const Peer silent(address_);
  ASSERT_TRUE(run([&] { return first_closed(); }, seconds(2)));
}

TEST_F(StreamEndTest, AbortEndsThePatience) {
  start();
  set_up = [](Owner& owner) {
    owner.on_opened = [&owner] { owner.stream.close(seconds(60), seconds(60)); };
  };
  const Peer silent(address_);
  ASSERT_TRUE(run([&] { return !owners_.empty() && first().stream.closing(); }));
  run([&] { return false; }, milliseconds(20));
  EXPECT_FALSE(first_closed());
  first().stream.abort();
  ASSERT_TRUE(run([&] { return first_closed(); }, seconds(2)));
}

TEST_F(StreamEndTest, LingeringEndsInTimeForAPeerThatNeverStopsSendingOrNeverReads) {
  start();
  const std::string large = pattern(32 << 20);
  set_up = [&](Owner& owner) {
    owner.on_opened = [&] {
      owner.stream.send(bytes_of(large));
      owner.stream.close(milliseconds(300));
    };
  };
  const Instant begin = test::monotonic_now();
  std::atomic<bool> enough{false};
  std::thread thread([&] {
    const Peer peer(address_);
    while (!enough.load() && peer.send(std::string(10'000, 'x')) == 10'000) continue;
  });
  EXPECT_TRUE(run([&] { return first_closed(); }));
  enough.store(true);
  thread.join();
  EXPECT_LT(test::monotonic_now() - begin, seconds(20));
}

TEST_F(StreamEndTest, HoldIsBackPressureAndReceiveGoesOn) {
  start();
  const std::string text = pattern(32 << 20);
  set_up = [](Owner& owner) { owner.on_received = [&owner] { owner.stream.hold(); }; };
  std::atomic<std::size_t> taken{0};
  std::thread thread([&] {
    const Peer peer(address_);
    for (std::size_t at = 0; at < text.size(); at += 65536)
      taken += peer.send(std::string_view(text).substr(at, 65536));
    peer.end_of_input();
  });
  run([&] { return false; }, milliseconds(400));
  const std::size_t stalled = taken.load();
  EXPECT_LT(stalled, text.size() / 2);
  run([&] { return false; }, milliseconds(200));
  EXPECT_EQ(taken.load(), stalled);
  EXPECT_LT(first().text.size(), stalled + 1);
  first().on_received = nullptr;
  first().stream.receive();
  ASSERT_TRUE(run([&] { return first().end.has_value(); }));
  thread.join();
  EXPECT_TRUE(first().text == text);
}

TEST_F(StreamEndTest, HoldAndReceiveInAnyOrderLoseNothing) {
  start();
  const std::string text = pattern(4 << 20);
  std::mt19937 random(5);
  set_up = [&](Owner& owner) {
    owner.on_received = [&] {
      for (unsigned i = random() % 4; i > 0; --i) {
        owner.stream.hold();
        if (random() % 2 == 0) owner.stream.receive();
      }
    };
  };
  std::atomic<bool> done{false};
  std::thread thread([&] {
    const Peer peer(address_);
    EXPECT_EQ(peer.send(text), text.size());
    peer.end_of_input();
    done.store(true);
  });
  ASSERT_TRUE(run([&] {
    if (!owners_.empty() && random() % 2 == 0) first().stream.receive();
    core_->turn_again();
    return !owners_.empty() && first().end.has_value();
  }));
  thread.join();
  EXPECT_TRUE(first().text == text);
}

TEST_F(StreamEndTest, ClosingFromEveryCallIsFine) {
  start();
  enum class From { Opened, Received, End, Sent };
  for (const From from : {From::Opened, From::Received, From::End, From::Sent}) {
    for (const bool abort : {false, true}) {
      const std::size_t before = owners_.size();
      set_up = [&, from, abort](Owner& owner) {
        const auto end = [&owner, abort] {
          abort ? owner.stream.abort() : owner.stream.close(seconds(5));
        };
        if (from == From::Opened) owner.on_opened = end;
        if (from == From::Received) owner.on_received = end;
        if (from == From::End) owner.on_end = end;
        if (from == From::Sent) {
          owner.on_received = [&owner] {
            if (!owner.stream.sending()) owner.stream.send(bytes_of("x"));
          };
          owner.on_sent = end;
        }
      };
      run_with(
          [&] {
            Peer peer(address_);
            peer.send("some octets");
            peer.end_of_input();
            peer.receive();
          },
          [&] { return owners_.size() == before + 1 && owners_.back().is_closed; });
    }
  }
}

TEST_F(StreamEndTest, AbortedRightAfterAcceptOrWhileClosing) {
  start();
  int number = 0;
  set_up = [&](Owner& owner) {
    owner.on_opened = [&owner, n = number++] {
      if (n == 0) owner.stream.abort();
      if (n >= 1) owner.stream.close(seconds(10));
      if (n == 1) owner.stream.abort();
    };
  };
  std::vector<Peer> peers;
  for (int i = 0; i < 3; ++i) peers.emplace_back(address_);
  ASSERT_TRUE(
      run([&] { return owners_.size() == 3 && owners_[0].is_closed && owners_[1].is_closed; },
          seconds(2)));
  EXPECT_FALSE(owners_[2].is_closed);
  run([&] { return false; }, milliseconds(50));
  owners_[2].stream.abort();
  owners_[2].stream.close(seconds(10));
  ASSERT_TRUE(run([&] { return owners_[2].is_closed; }, seconds(2)));
}

TEST_F(StreamEndTest, ManyConnectionsShareFewBuffers) {
  constexpr std::size_t connections = 60;
  start({.buffers = 4, .buffer_bytes = 4096});
  const std::string text = pattern(100'000);
  set_up = [&](Owner& owner) { owner.keep_buffers = true; };
  std::uint32_t fewest = 4;
  std::mt19937 random(1);
  std::thread thread([&] {
    std::vector<Peer> peers;
    for (std::size_t i = 0; i < connections; ++i) peers.emplace_back(address_);
    std::vector<std::thread> senders;
    for (const Peer& peer : peers) {
      senders.emplace_back([&] {
        EXPECT_EQ(peer.send(text), text.size());
        peer.end_of_input();
      });
    }
    for (std::thread& sender : senders) sender.join();
  });
  EXPECT_TRUE(run([&] {
    fewest = std::min(fewest, buffers_->buffers_free());
    // Buffers are kept over turns, as by sessions that wait for the log; then all are given back.
    if (random() % 3 == 0)
      for (Owner& owner : owners_) owner.kept.clear();
    core_->turn_again();
    return owners_.size() == connections &&
           std::ranges::all_of(owners_, [](Owner& owner) { return owner.end.has_value(); });
  }));
  thread.join();
  EXPECT_EQ(fewest, 0u);
  for (Owner& owner : owners_) {
    EXPECT_EQ(owner.end, 0);
    EXPECT_TRUE(owner.text == text);
  }
}

TEST_F(StreamEndTest, EndsAndHoldsWhileStarved) {
  start({.buffers = 2, .buffer_bytes = 4096});
  set_up = [](Owner& owner) { owner.keep_buffers = true; };
  std::vector<Peer> peers;
  for (int i = 0; i < 5; ++i) {
    peers.emplace_back(address_);
    EXPECT_EQ(peers.back().send(std::string(20'000, 'x')), 20'000u);
  }
  run([&] { return owners_.size() == 5 && buffers_->buffers_free() == 0; });
  run([&] { return false; }, milliseconds(50));
  owners_[0].stream.abort();
  owners_[1].stream.close(milliseconds(100));
  owners_[2].stream.hold();
  owners_[3].stream.hold();
  owners_[3].stream.receive();
  ASSERT_TRUE(run([&] { return owners_[0].is_closed && owners_[1].is_closed; }, seconds(2)));
  for (Owner& owner : owners_) {
    owner.kept.clear();
    owner.keep_buffers = false;
  }
  ASSERT_TRUE(
      run([&] { return owners_[3].text.size() == 20'000 && owners_[4].text.size() == 20'000; }));
  EXPECT_LT(owners_[2].text.size(), 20'000u);
  owners_[2].stream.receive();
  ASSERT_TRUE(run([&] { return owners_[2].text.size() == 20'000; }));
}

// Peers and owners that end in every way at any moment; afterwards nothing is open and no buffer
// lost (TearDown looks).
TEST_F(StreamEndTest, RandomEndsLeaveNothingBehind) {
  start({.buffers = 8, .buffer_bytes = 4096});
  std::mt19937 random(42);
  const std::string reply = pattern(300'000);
  const auto end_somehow = [&](Owner& owner) {
    if (owner.stream.closing()) return;
    if (random() % 2 == 0) {
      owner.stream.abort();
    } else {
      owner.stream.close(milliseconds(random() % 100), milliseconds(random() % 3 * 20));
    }
  };
  const auto act = [&](Owner& owner) {
    const auto choice = random() % 8;
    if (choice == 0) end_somehow(owner);
    if (choice == 1) owner.stream.hold();
    if (choice == 2) owner.stream.receive();
    if (choice >= 3 && choice < 6 && owner.is_open && !owner.stream.closing() &&
        !owner.stream.sending())
      owner.stream.send(bytes_of(reply).first(random() % reply.size()));
  };
  set_up = [&](Owner& owner) {
    for (auto* call : {&owner.on_opened, &owner.on_received, &owner.on_sent})
      *call = [&] { act(owner); };
    owner.on_end = [&] { end_somehow(owner); };
  };
  constexpr int peers_each = 150;
  const auto peer_life = [&](unsigned seed) {
    std::mt19937 own(seed);
    for (int i = 0; i < peers_each; ++i) {
      Peer peer(address_);
      for (unsigned steps = own() % 4; steps > 0; --steps) {
        if (own() % 2 == 0) peer.send(std::string(own() % 50'000, 'x'));
        if (own() % 2 == 0 && ioctl(peer.file(), FIONREAD, &steps) == 0) steps = 1;
        if (own() % 4 == 0) peer.end_of_input();
      }
      if (own() % 2 == 0) peer.reset();
    }
  };
  std::thread one([&] { peer_life(1); });
  std::thread two([&] { peer_life(2); });
  EXPECT_TRUE(run([&] {
    for (Owner& owner : owners_)
      if (!owner.is_closed && random() % 16 == 0) act(owner);
    core_->turn_again();
    return owners_.size() == 2 * peers_each &&
           std::ranges::all_of(owners_, [](Owner& owner) { return owner.is_closed; });
  }));
  one.join();
  two.join();
}

}  // namespace
}  // namespace ringpost::net
