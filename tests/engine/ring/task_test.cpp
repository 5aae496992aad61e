// Task, Scope, Signal, Pause: a bounded stack, every task's end, values and frames freed once.
#include "engine/ring/task.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include <fcntl.h>

#include "engine/ring/await.h"
#include "tests/engine/support.h"

namespace ringpost::ring {
namespace {

// Set by the child that sees the deepest stack.
std::uintptr_t lowest_frame = UINTPTR_MAX;

[[gnu::noinline]] void note_stack() {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  lowest_frame = std::min(lowest_frame, here);
}

Task<int> synchronous_child(int value) {
  note_stack();
  co_return value;
}

Task<void> parent_of_many(int children, std::int64_t& sum) {
  for (int i = 0; i < children; ++i) sum += co_await synchronous_child(i);
}

TEST(TaskTest, AMillionSynchronousChildrenKeepTheStackFlat) {
  constexpr int children = 1'000'000;
  Scope scope;
  std::int64_t sum = 0;
  lowest_frame = UINTPTR_MAX;
  Task<void>::spawn(scope, parent_of_many(children, sum));
  EXPECT_TRUE(scope.idle());
  EXPECT_EQ(sum, std::int64_t{children} * (children - 1) / 2);
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  EXPECT_LT(here - lowest_frame, 64u * 1024);
}

Task<int> suspending_child(Signal& signal, int value) {
  co_await signal;
  note_stack();
  co_return value;
}

Task<void> parent_of_suspended(std::deque<Signal>& signals, std::int64_t& sum) {
  for (Signal& signal : signals) {
    // Alternates, so that a resumed parent meets children of both kinds.
    sum += co_await suspending_child(signal, 1);
    sum += co_await synchronous_child(1);
  }
}

TEST(TaskTest, ChildrenThatWaitKeepTheStackFlatToo) {
  std::deque<Signal> signals(100'000);
  Scope scope;
  std::int64_t sum = 0;
  lowest_frame = UINTPTR_MAX;
  Task<void>::spawn(scope, parent_of_suspended(signals, sum));
  for (Signal& signal : signals) signal.set();
  EXPECT_TRUE(scope.idle());
  EXPECT_EQ(sum, 200'000);
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  EXPECT_LT(here - lowest_frame, 64u * 1024);
}

TEST(TaskTest, SignalsThatAreSetBeforehandDoNotSuspend) {
  std::deque<Signal> signals(100'000);
  for (Signal& signal : signals) signal.set();
  Scope scope;
  std::int64_t sum = 0;
  lowest_frame = UINTPTR_MAX;
  Task<void>::spawn(scope, parent_of_suspended(signals, sum));
  EXPECT_TRUE(scope.idle());
  EXPECT_EQ(sum, 200'000);
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  EXPECT_LT(here - lowest_frame, 64u * 1024);
}

Task<int> deep(int levels, Signal& signal) {
  if (levels == 0) {
    co_await signal;
    co_return 1;
  }
  const int below = co_await deep(levels - 1, signal);
  co_return below + 1;
}

Task<void> run_deep(int levels, Signal& signal, int& result) {
  result = co_await deep(levels, signal);
}

TEST(TaskTest, AChainOfParentsEndsInOrder) {
  Scope scope;
  Signal signal;
  int result = 0;
  Task<void>::spawn(scope, run_deep(500, signal, result));
  EXPECT_EQ(scope.running(), 1u);
  EXPECT_EQ(result, 0);
  signal.set();
  EXPECT_EQ(result, 501);
  EXPECT_TRUE(scope.idle());
}

struct Counted {
  explicit Counted(int& counter) : alive(&counter) { ++*alive; }
  Counted(Counted&& other) noexcept : alive(other.alive) { ++*alive; }
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --*alive; }
  int* alive;
};

Task<Counted> make_counted(int& alive, Signal& signal) {
  Counted made(alive);
  co_await signal;
  co_return std::move(made);
}

Task<std::unique_ptr<std::string>> make_text(std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}

Task<void> use_both(int& alive, Signal& signal, std::string& got) {
  const Counted counted = co_await make_counted(alive, signal);
  EXPECT_GE(*counted.alive, 1);
  auto text = co_await make_text("a text that is too long to be kept inside the string itself");
  got = *text;
}

TEST(TaskTest, ValuesMoveOutAndEveryFrameEndsOnce) {
  int alive = 0;
  std::string got;
  Scope scope;
  Signal signal;
  Task<void>::spawn(scope, use_both(alive, signal, got));
  EXPECT_EQ(alive, 1);
  signal.set();
  EXPECT_TRUE(scope.idle());
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(got.substr(0, 6), "a text");
}

TEST(TaskTest, ATaskThatIsNeverAwaitedIsFreed) {
  int alive = 0;
  Signal signal;
  {
    const auto task = make_counted(alive, signal);
  }
  EXPECT_EQ(alive, 0);
}

Task<void> wait_for(Signal& signal, int& ended) {
  co_await signal;
  ++ended;
}

TEST(TaskTest, AScopeCountsUntilTheLastEnd) {
  Scope scope;
  std::deque<Signal> signals(10);
  int ended = 0;
  for (Signal& signal : signals) Task<void>::spawn(scope, wait_for(signal, ended));
  EXPECT_EQ(scope.running(), 10u);
  for (auto signal = signals.rbegin(); signal != signals.rend(); ++signal) signal->set();
  EXPECT_EQ(ended, 10);
  EXPECT_TRUE(scope.idle());
}

// The waiter frees the signal that resumed it: set() must touch nothing afterwards.
Task<void> wait_and_free(std::unique_ptr<Signal> signal, bool& ended) {
  co_await *signal;
  signal.reset();
  ended = true;
}

TEST(TaskTest, ASignalMayEndWithItsWaiter) {
  Scope scope;
  auto owned = std::make_unique<Signal>();
  Signal& signal = *owned;
  bool ended = false;
  Task<void>::spawn(scope, wait_and_free(std::move(owned), ended));
  signal.set();
  EXPECT_TRUE(ended);
}

Task<void> pause_twice(Core& core, Duration& first, Duration& both) {
  const Instant start = core.now();
  co_await Pause(core, milliseconds(20));
  first = core.now() - start;
  co_await Pause(core, milliseconds(0));
  both = core.now() - start;
}

TEST(TaskTest, APauseIsNeverShorterThanAsked) {
  const auto core = test::make_core();
  ASSERT_NE(core, nullptr);
  Scope scope;
  Duration first{};
  Duration both{};
  Task<void>::spawn(scope, pause_twice(*core, first, both));
  ASSERT_TRUE(test::run_until(*core, [&] { return scope.idle(); }));
  EXPECT_GE(first, milliseconds(20));
  EXPECT_GT(both, first);
  EXPECT_LT(both, seconds(5));
}

Task<void> file_life(Ring& ring, const test::TemporaryDirectory& directory, int& steps) {
  const std::string folder = directory.file("folder");
  const std::string from = directory.file("folder/from");
  const std::string to = directory.file("folder/to");
  EXPECT_EQ(co_await make_directory_at(ring, AT_FDCWD, folder.c_str(), 0700), 0);
  const int file = co_await open_at(ring, AT_FDCWD, from.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  EXPECT_GE(file, 0);
  char hello[] = "hello ";
  char world[] = "world";
  const iovec parts[] = {{hello, 6}, {world, 5}};
  EXPECT_EQ(co_await write_vector(ring, file, parts, 0, 0), 11);
  EXPECT_EQ(co_await write_at(ring, file, "!", 1, 11), 1);
  EXPECT_EQ(co_await sync_data(ring, file), 0);
  EXPECT_EQ(co_await sync_file(ring, file), 0);
  char back[32] = "";
  EXPECT_EQ(co_await read_at(ring, file, back, sizeof back, 0), 12);
  EXPECT_STREQ(back, "hello world!");
  EXPECT_EQ(co_await close_file(ring, file), 0);
  EXPECT_EQ(co_await close_file(ring, file), -EBADF);
  EXPECT_EQ(co_await rename_at(ring, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str()), 0);
  EXPECT_EQ(co_await open_at(ring, AT_FDCWD, from.c_str(), O_RDONLY, 0), -ENOENT);
  EXPECT_EQ(co_await unlink_at(ring, AT_FDCWD, to.c_str()), 0);
  EXPECT_EQ(co_await unlink_at(ring, AT_FDCWD, to.c_str()), -ENOENT);
  ++steps;
}

TEST(TaskTest, FileRequestsGiveWhatTheSystemCallsWould) {
  const auto core = test::make_core();
  ASSERT_NE(core, nullptr);
  const test::TemporaryDirectory directory;
  Scope scope;
  int steps = 0;
  Task<void>::spawn(scope, file_life(core->ring(), directory, steps));
  ASSERT_TRUE(test::run_until(*core, [&] { return scope.idle(); }));
  EXPECT_EQ(steps, 1);
}

TEST(TaskDeathTest, WhatIsOurMistakeStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto scope = std::make_unique<Scope>();
        Signal signal;
        int ended = 0;
        Task<void>::spawn(*scope, wait_for(signal, ended));
        scope.reset();
      },
      "CHECK failed");
  EXPECT_DEATH(
      {
        Scope scope;
        Signal signal;
        int ended = 0;
        Task<void>::spawn(scope, wait_for(signal, ended));
        Task<void>::spawn(scope, wait_for(signal, ended));
      },
      "CHECK failed");
}

}  // namespace
}  // namespace ringpost::ring
