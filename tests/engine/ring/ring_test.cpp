// Ring: binding, cancelling, a full submission queue, an overflowing completion queue, bounded
// turns.
#include "engine/ring/ring.h"

#include <cerrno>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ringpost::ring {
namespace {

struct Counter {
  void done(Completion completion) {
    ++completions;
    last = completion;
    if (on_done) on_done();
  }
  int completions = 0;
  Completion last{};
  std::function<void()> on_done;
  OperationOf<Counter, &Counter::done> operation{*this};
};

std::unique_ptr<Ring> make_ring(unsigned entries) {
  auto ring = Ring::create({.entries = entries, .direct_files_max = 64, .blocking_workers_max = 4});
  EXPECT_TRUE(ring.has_value());
  return ring ? std::move(*ring) : nullptr;
}

void prepare_nop(Ring& ring, Operation& operation) {
  io_uring_sqe* sqe = ring.entry();
  io_uring_prep_nop(sqe);
  ring.bind(sqe, operation);
}

unsigned turn(Ring& ring, unsigned completions_max = 10'000) {
  ring.submit_and_wait(milliseconds(100));
  return ring.reap(completions_max);
}

TEST(RingTest, AnOperationIsInFlightUntilItsCompletionIsTaken) {
  const auto ring = make_ring(8);
  Counter counter;
  counter.on_done = [&] { EXPECT_FALSE(counter.operation.in_flight()); };
  EXPECT_FALSE(counter.operation.in_flight());
  prepare_nop(*ring, counter.operation);
  EXPECT_TRUE(counter.operation.in_flight());
  EXPECT_EQ(ring->reap(1), 0u);
  EXPECT_EQ(turn(*ring), 1u);
  EXPECT_EQ(counter.completions, 1);
  EXPECT_EQ(counter.last.result, 0);
}

TEST(RingTest, AHandlerMayPrepareTheSameOperationAgain) {
  const auto ring = make_ring(8);
  Counter counter;
  counter.on_done = [&] {
    if (counter.completions < 100) prepare_nop(*ring, counter.operation);
  };
  prepare_nop(*ring, counter.operation);
  for (int i = 0; i < 200 && counter.operation.in_flight(); ++i) turn(*ring);
  EXPECT_EQ(counter.completions, 100);
}

TEST(RingTest, AHandlerMayFreeTheOperation) {
  const auto ring = make_ring(8);
  auto* counter = new Counter;
  bool freed = false;
  counter->on_done = [&freed, counter] {
    bool& told = freed;
    delete counter;
    told = true;
  };
  prepare_nop(*ring, counter->operation);
  turn(*ring);
  EXPECT_TRUE(freed);
}

TEST(RingTest, AFullSubmissionQueueIsSubmittedFirst) {
  const auto ring = make_ring(8);
  std::deque<Counter> counters(1000);  // also far more than the completion queue holds
  for (Counter& counter : counters) prepare_nop(*ring, counter.operation);
  unsigned reaped = 0;
  for (int i = 0; i < 1000 && reaped < counters.size(); ++i) reaped += turn(*ring);
  EXPECT_EQ(reaped, counters.size());
  for (const Counter& counter : counters) EXPECT_EQ(counter.completions, 1);
}

TEST(RingTest, ReapIsBounded) {
  const auto ring = make_ring(64);
  std::deque<Counter> counters(50);
  for (Counter& counter : counters) prepare_nop(*ring, counter.operation);
  ring->submit_and_wait(milliseconds(100));
  EXPECT_EQ(ring->reap(20), 20u);
  EXPECT_EQ(ring->reap(20), 20u);
  EXPECT_EQ(ring->reap(20), 10u);
  EXPECT_EQ(ring->reap(20), 0u);
}

TEST(RingTest, WaitingEndsWithItsTime) {
  const auto ring = make_ring(8);
  ring->submit_and_wait(milliseconds(5));
  ring->submit_and_wait(Duration{0});
  ring->submit_and_wait(Duration{-5});
  EXPECT_EQ(ring->reap(10), 0u);
}

TEST(RingTest, CancelEndsAnOperationAndItsHandlerIsTold) {
  const auto ring = make_ring(8);
  const int file = eventfd(0, EFD_CLOEXEC);
  std::uint64_t value = 0;
  Counter counter;
  for (int round = 1; round <= 3; ++round) {
    io_uring_sqe* sqe = ring->entry();
    io_uring_prep_read(sqe, file, &value, sizeof value, 0);
    ring->bind(sqe, counter.operation);
    // Once before it was submitted, once in flight, once twice over.
    if (round >= 2) turn(*ring);
    ring->cancel(counter.operation);
    if (round == 3) ring->cancel(counter.operation);
    for (int i = 0; i < 20 && counter.operation.in_flight(); ++i) turn(*ring);
    EXPECT_EQ(counter.completions, round);
    EXPECT_EQ(counter.last.result, -ECANCELED);
  }
  ring->cancel(counter.operation);  // nothing in flight: nothing happens
  turn(*ring);
  EXPECT_EQ(counter.completions, 3);
  close(file);
}

// The cancellation of the first use must not hit the second use of the same record.
TEST(RingTest, ALateCancelMissesTheNextUse) {
  const auto ring = make_ring(8);
  const int file = eventfd(1, EFD_CLOEXEC);
  std::uint64_t value = 0;
  const auto prepare_read = [&](Operation& operation) {
    io_uring_sqe* sqe = ring->entry();
    io_uring_prep_read(sqe, file, &value, sizeof value, 0);
    ring->bind(sqe, operation);
  };
  Counter counter;
  prepare_read(counter.operation);
  ring->submit_and_wait(milliseconds(100));  // has completed, but nobody knows yet
  ring->cancel(counter.operation);
  ring->reap(1);
  ASSERT_EQ(counter.last.result, 8);
  prepare_read(counter.operation);
  for (int i = 0; i < 3; ++i) turn(*ring);
  EXPECT_TRUE(counter.operation.in_flight());
  const std::uint64_t one = 1;
  ASSERT_EQ(write(file, &one, sizeof one), 8);
  turn(*ring);
  EXPECT_EQ(counter.completions, 2);
  EXPECT_EQ(counter.last.result, 8);
  close(file);
}

TEST(RingTest, AMultishotOperationStaysInFlightUntilItsLastCompletion) {
  const auto ring = make_ring(8);
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  Counter counter;
  io_uring_sqe* sqe = ring->entry();
  io_uring_prep_poll_multishot(sqe, pipes[0], POLLIN);
  ring->bind(sqe, counter.operation);
  for (int i = 1; i <= 3; ++i) {
    ASSERT_EQ(write(pipes[1], "x", 1), 1);
    turn(*ring);
    EXPECT_GE(counter.completions, i);
    EXPECT_TRUE(counter.operation.in_flight());
  }
  ring->cancel(counter.operation);
  for (int i = 0; i < 20 && counter.operation.in_flight(); ++i) turn(*ring);
  EXPECT_FALSE(counter.operation.in_flight());
  EXPECT_EQ(counter.last.result, -ECANCELED);
  close(pipes[0]);
  close(pipes[1]);
}

TEST(RingTest, SuccessOfARequestForNobodyIsNotHeardOf) {
  const auto ring = make_ring(8);
  io_uring_sqe* sqe = ring->entry();
  io_uring_prep_nop(sqe);
  ring->bind_to_nobody(sqe);
  EXPECT_EQ(turn(*ring), 0u);
  sqe = ring->entry();
  io_uring_prep_close(sqe, -1);
  ring->bind_to_nobody(sqe);
  turn(*ring);  // its failure comes and is passed over
}

TEST(RingTest, AWatcherHearsOfFailuresOnly) {
  const auto ring = make_ring(8);
  Counter watcher;
  io_uring_sqe* sqe = ring->entry();
  io_uring_prep_nop(sqe);
  ring->bind_failure(sqe, watcher.operation);
  for (int i = 0; i < 3; ++i) {
    sqe = ring->entry();
    io_uring_prep_close(sqe, 1'000'000);
    ring->bind_failure(sqe, watcher.operation);
  }
  turn(*ring);
  EXPECT_EQ(watcher.completions, 3);
  EXPECT_EQ(watcher.last.result, -EBADF);
  EXPECT_FALSE(watcher.operation.in_flight());
}

// What Core::post relies on: a message to another ring arrives although that ring's completion
// queue has overflowed, or its failure is heard of.
TEST(RingTest, MessagesToARingThatOverflowsAreNotLostInSilence) {
  const auto sender = make_ring(256);
  const auto target = make_ring(8);  // 32 completions
  Counter watcher;
  Counter arrival;
  constexpr int messages = 200;
  for (int i = 0; i < messages; ++i) {
    io_uring_sqe* sqe = sender->entry();
    io_uring_prep_msg_ring(sqe, target->file(), 0,
                           reinterpret_cast<std::uintptr_t>(&arrival.operation), 0);
    sender->bind_failure(sqe, watcher.operation);
  }
  turn(*sender);
  for (int i = 0; i < 50 && arrival.completions + watcher.completions < messages; ++i) {
    turn(*target);
    sender->submit_and_wait(Duration{0});
    sender->reap(1000);
  }
  EXPECT_EQ(arrival.completions + watcher.completions, messages);
  EXPECT_GE(arrival.completions, 32);
}

TEST(RingDeathTest, WhatIsOurMistakeStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const auto ring = make_ring(8);
        Counter counter;
        prepare_nop(*ring, counter.operation);
      },
      "CHECK failed: !in_flight_");
  EXPECT_DEATH(
      {
        const auto ring = make_ring(8);
        Counter counter;
        prepare_nop(*ring, counter.operation);
        prepare_nop(*ring, counter.operation);
      },
      "CHECK failed: !operation.in_flight_");
}

}  // namespace
}  // namespace ringpost::ring
