// What the runtime itself costs: messages, timers, requests to the kernel and tasks. The figures in
// engine/ring/README.md come from here.
#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/ring/await.h"
#include "engine/ring/core.h"
#include "engine/ring/task.h"

namespace ringpost::ring {
namespace {

struct Letter : Message {
  Letter() : Message([](Message& message) { ++static_cast<Letter&>(message).handled; }) {}
  std::uint64_t handled = 0;
};

// Per message, for `range` messages that pile up between two turns of the receiver.
void mailbox_push_and_drain(benchmark::State& state) {
  Mailbox mailbox;
  std::deque<Letter> letters(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (Letter& letter : letters) benchmark::DoNotOptimize(mailbox.push(letter));
    mailbox.drain();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(mailbox_push_and_drain)->Arg(1)->Arg(64);

struct Alarm {
  void fired() { ++count; }
  std::uint64_t count = 0;
  TimerOf<Alarm, &Alarm::fired> timer{*this};
};

// The life of an idle limit: moved at every sign of life, hardly ever reached. `range` timers are
// armed.
void timer_move(benchmark::State& state) {
  TimerWheel wheel(Instant{0});
  std::deque<Alarm> alarms(static_cast<std::size_t>(state.range(0)));
  std::mt19937_64 random(1);
  std::vector<Alarm*> order;
  for (Alarm& alarm : alarms) order.push_back(&alarm);
  std::ranges::shuffle(order, random);
  Instant now{0};
  std::size_t i = 0;
  for (auto _ : state) {
    wheel.arm(order[i]->timer, now + seconds(300));
    if (++i == order.size()) {
      i = 0;
      now = now + milliseconds(8);
      wheel.advance(now);
    }
  }
  for (Alarm& alarm : alarms) wheel.disarm(alarm.timer);
}
BENCHMARK(timer_move)->Arg(100)->Arg(10'000);

void timer_arm_and_disarm(benchmark::State& state) {
  TimerWheel wheel(Instant{0});
  Alarm alarm;
  for (auto _ : state) {
    wheel.arm(alarm.timer, Instant{0} + seconds(60));
    wheel.disarm(alarm.timer);
  }
}
BENCHMARK(timer_arm_and_disarm);

// Per timer that is armed within ten minutes and fires: including its way down the wheel.
void timer_arm_and_fire(benchmark::State& state) {
  constexpr std::size_t count = 10'000;
  std::deque<Alarm> alarms(count);
  std::mt19937_64 random(1);
  Instant now{0};
  TimerWheel wheel(now);
  for (auto _ : state) {
    for (Alarm& alarm : alarms)
      wheel.arm(alarm.timer, now + milliseconds(static_cast<std::int64_t>(random() % 600'000)));
    now = now + seconds(601);
    wheel.advance(now);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}
BENCHMARK(timer_arm_and_fire);

// A turn of the loop in which no timer is due: `range` idle limits are armed.
void timer_idle_turn(benchmark::State& state) {
  Instant now{0};
  TimerWheel wheel(now);
  std::deque<Alarm> alarms(static_cast<std::size_t>(state.range(0)));
  for (Alarm& alarm : alarms) wheel.arm(alarm.timer, Instant{0} + seconds(100'000'000));
  for (auto _ : state) {
    now = now + microseconds(100);
    wheel.advance(now);
    benchmark::DoNotOptimize(wheel.next());
  }
  for (Alarm& alarm : alarms) wheel.disarm(alarm.timer);
}
BENCHMARK(timer_idle_turn)->Arg(10'000);

struct Nop {
  void done(Completion) { ++count; }
  std::uint64_t count = 0;
  OperationOf<Nop, &Nop::done> operation{*this};
};

// Per request that the kernel completes at once, `range` of them in one submission.
void operation_round_trip(benchmark::State& state) {
  auto ring = Ring::create({.direct_files_max = 64});
  if (!ring) {
    state.SkipWithError(to_text(ring.error()).c_str());
    return;
  }
  std::deque<Nop> operations(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (Nop& one : operations) {
      io_uring_sqe* sqe = (*ring)->entry();
      io_uring_prep_nop(sqe);
      (*ring)->bind(sqe, one.operation);
    }
    (*ring)->submit_and_wait(seconds(1));
    while (operations.back().operation.in_flight()) (*ring)->reap(512);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(operation_round_trip)->Arg(1)->Arg(16)->Arg(128);

Task<int> synchronous_child(int value) { co_return value; }

Task<void> await_children(std::int64_t count, std::int64_t& sum) {
  for (std::int64_t i = 0; i < count; ++i) sum += co_await synchronous_child(1);
}

// Per co_await of a child that ends without suspending; includes the allocation of its frame.
void task_await_synchronous(benchmark::State& state) {
  constexpr std::int64_t batch = 1'000;
  Scope scope;
  std::int64_t sum = 0;
  for (auto _ : state) Task<void>::spawn(scope, await_children(batch, sum));
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(task_await_synchronous);

Task<int> suspending_child(Signal& signal) {
  co_await signal;
  co_return 1;
}

Task<void> await_signals(std::deque<Signal>& signals, std::int64_t& sum) {
  for (Signal& signal : signals) sum += co_await suspending_child(signal);
}

// Per co_await of a child that suspends and is resumed later.
void task_await_suspended(benchmark::State& state) {
  constexpr std::int64_t batch = 1'000;
  Scope scope;
  std::int64_t sum = 0;
  for (auto _ : state) {
    std::deque<Signal> signals(batch);
    Task<void>::spawn(scope, await_signals(signals, sum));
    for (Signal& signal : signals) signal.set();
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(task_await_suspended);

}  // namespace
}  // namespace ringpost::ring
