// BufferRing: shares, exhaustion, waiters, and what the kernel does with the buffers.
#include "engine/memory/buffer.h"

#include <cerrno>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "tests/engine/support.h"

namespace ringpost::memory {
namespace {

// One socket pair whose reading end receives into buffers, one receive at a time.
class Pair {
 public:
  Pair(ring::Ring& ring, BufferRing& buffers) : ring_(ring), buffers_(buffers) {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
  }
  ~Pair() {
    close(ends_[0]);
    close(ends_[1]);
  }
  void write(std::string_view text) const {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void receive() {
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_recv(sqe, ends_[0], nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffers_.group();
    ring_.bind(sqe, operation_);
  }
  std::optional<int> error;
  std::vector<Buffer> got;

 private:
  void done(ring::Completion completion) {
    if (completion.result < 0) {
      error = -completion.result;
      return;
    }
    got.push_back(buffers_.take(completion));
  }
  ring::Ring& ring_;
  BufferRing& buffers_;
  int ends_[2]{};
  ring::OperationOf<Pair, &Pair::done> operation_{*this};
};

class BufferTest : public testing::Test {
 protected:
  BufferTest() { make(4); }
  void make(std::uint16_t count) {
    buffers_.reset();
    auto made =
        BufferRing::create(core_->ring(), {.group = 3, .buffers = count, .buffer_bytes = 4096});
    ASSERT_TRUE(made.has_value());
    buffers_ = std::move(*made);
  }
  void receive(Pair& pair) {
    const std::size_t before = pair.got.size();
    pair.error.reset();
    pair.receive();
    ASSERT_TRUE(test::run_until(
        *core_, [&] { return pair.got.size() > before || pair.error.has_value(); }));
  }
  std::unique_ptr<ring::Core> core_ = test::make_core();
  std::unique_ptr<BufferRing> buffers_;
};

TEST_F(BufferTest, AnEmptyBufferHoldsNothing) {
  const Buffer none;
  const Buffer copy = none;
  EXPECT_FALSE(none);
  EXPECT_FALSE(copy);
  EXPECT_TRUE(copy.octets().empty());
}

TEST_F(BufferTest, TheLastShareGivesTheBufferBack) {
  Pair pair(core_->ring(), *buffers_);
  pair.write("hello");
  receive(pair);
  EXPECT_EQ(text_of(pair.got[0].octets()), "hello");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pair.got[0].octets().data()) % 4096, 0u);
  EXPECT_EQ(buffers_->buffers_free(), 3u);
  Buffer first = std::move(pair.got[0]);
  EXPECT_FALSE(pair.got[0]);
  Buffer second = first;
  {
    const Buffer third = second;
    first = Buffer();
    EXPECT_EQ(text_of(third.octets()), "hello");
  }
  EXPECT_EQ(buffers_->buffers_free(), 3u);
  Buffer& same = second;
  second = same;
  EXPECT_EQ(text_of(second.octets()), "hello");
  second = Buffer();
  EXPECT_EQ(buffers_->buffers_free(), 4u);
}

TEST_F(BufferTest, BuffersGoRoundForEver) {
  Pair pair(core_->ring(), *buffers_);
  for (int i = 0; i < 200; ++i) {
    const std::string text = "number " + std::to_string(i);
    pair.write(text);
    receive(pair);
    ASSERT_EQ(text_of(pair.got.back().octets()), text);
    // Up to three are kept, so that they come back in another order than they went.
    if (pair.got.size() == 3) pair.got.erase(pair.got.begin() + i % 3);
  }
  pair.got.clear();
  EXPECT_EQ(buffers_->buffers_free(), 4u);
}

TEST_F(BufferTest, ExhaustionIsToldAndEndsWithTheFirstReturn) {
  std::deque<Pair> pairs;
  for (int i = 0; i < 6; ++i) pairs.emplace_back(core_->ring(), *buffers_).write("x");
  for (int i = 0; i < 4; ++i) receive(pairs[static_cast<std::size_t>(i)]);
  EXPECT_EQ(buffers_->buffers_free(), 0u);
  receive(pairs[4]);
  EXPECT_EQ(pairs[4].error, ENOBUFS);
  pairs[1].got.clear();
  receive(pairs[4]);
  EXPECT_EQ(pairs[4].got.size(), 1u);
}

struct Waiting : BufferWaiter {
  explicit Waiting(std::vector<int>& into, int i)
      : BufferWaiter(&Waiting::handle), order(into), n(i) {}
  static void handle(BufferWaiter& waiter) {
    auto& self = static_cast<Waiting&>(waiter);
    EXPECT_FALSE(self.waiting());
    self.order.push_back(self.n);
    if (self.in_handler) self.in_handler();
  }
  std::vector<int>& order;
  int n;
  std::function<void()> in_handler;
};

TEST_F(BufferTest, WaitersAreServedInOrderAndNoMoreThanThereAreBuffers) {
  std::vector<int> order;
  std::deque<Waiting> waiters;
  for (int i = 0; i < 7; ++i) buffers_->wait(waiters.emplace_back(order, i));
  buffers_->wait(waiters[0]);  // is in the list already
  buffers_->forget(waiters[1]);
  buffers_->forget(waiters[1]);
  buffers_->forget(waiters[6]);
  buffers_->serve_waiters();
  EXPECT_EQ(order, (std::vector<int>{0, 2, 3, 4}));
  buffers_->serve_waiters();
  EXPECT_EQ(order, (std::vector<int>{0, 2, 3, 4, 5}));
  buffers_->serve_waiters();
  EXPECT_EQ(order.size(), 5u);
}

TEST_F(BufferTest, NobodyIsServedWithoutBuffers) {
  std::deque<Pair> pairs;
  for (std::size_t i = 0; i < 4; ++i) {
    pairs.emplace_back(core_->ring(), *buffers_).write("x");
    receive(pairs[i]);
  }
  std::vector<int> order;
  Waiting waiter(order, 1);
  buffers_->wait(waiter);
  buffers_->serve_waiters();
  EXPECT_TRUE(order.empty());
  pairs[2].got.clear();
  buffers_->serve_waiters();
  EXPECT_EQ(order, std::vector<int>{1});
}

TEST_F(BufferTest, AHandlerMayWaitAgainAndForgetOthers) {
  std::vector<int> order;
  Waiting first(order, 1);
  Waiting second(order, 2);
  first.in_handler = [&] {
    if (order.size() < 10) buffers_->wait(first);
    buffers_->forget(second);
  };
  buffers_->wait(first);
  buffers_->wait(second);
  buffers_->serve_waiters();
  EXPECT_EQ(order, std::vector<int>(4, 1));
  EXPECT_TRUE(first.waiting());
  EXPECT_FALSE(second.waiting());
  buffers_->forget(first);
}

TEST_F(BufferTest, ASecondRingOfAGroupIsRefusedAndTakesNothingAway) {
  const auto second =
      BufferRing::create(core_->ring(), {.group = 3, .buffers = 4, .buffer_bytes = 4096});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, EEXIST);
  Pair pair(core_->ring(), *buffers_);
  pair.write("still works");
  receive(pair);
  ASSERT_EQ(pair.got.size(), 1u);
  EXPECT_EQ(text_of(pair.got[0].octets()), "still works");
}

TEST_F(BufferTest, AGroupIsFreeAgainAfterItsRing) {
  for (const auto count : std::initializer_list<std::uint16_t>{1, 2, 512}) {
    make(count);
    EXPECT_EQ(buffers_->buffers_max(), count);
    Pair pair(core_->ring(), *buffers_);
    pair.write("x");
    receive(pair);
    EXPECT_EQ(pair.got.size(), 1u);
  }
}

TEST(BufferDeathTest, WhatIsOurMistakeStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const auto core = test::make_core();
        auto buffers = BufferRing::create(core->ring(), {.buffers = 4, .buffer_bytes = 4096});
        Pair pair(core->ring(), **buffers);
        pair.write("x");
        pair.receive();
        test::run_until(*core, [&] { return !pair.got.empty(); });
        buffers->reset();
      },
      "CHECK failed: free_ == options_.buffers");
  EXPECT_DEATH(
      {
        const auto core = test::make_core();
        auto buffers = BufferRing::create(core->ring(), {.buffers = 4, .buffer_bytes = 4096});
        std::vector<int> order;
        Waiting waiter(order, 1);
        (*buffers)->wait(waiter);
        buffers->reset();
      },
      "CHECK failed");
  EXPECT_DEATH(
      {
        const auto core = test::make_core();
        (void)BufferRing::create(core->ring(), {.buffers = 5, .buffer_bytes = 4096});
      },
      "CHECK failed");
}

}  // namespace
}  // namespace ringpost::memory
