// The queue with millions of recipients, without a disk: bytes of memory for each that waits, and
// what it costs to enter one, to find out why it waits, and to take it out when it is due.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "store/queue/scheduler.h"
#include "store/spool/index.h"
#include "store/spool/summary.h"

namespace {

using namespace ringpost;
using namespace ringpost::store;

// What the process holds; the figures are differences of it.
double resident_octets() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  CHECK(file != nullptr);
  unsigned long size = 0, resident = 0;
  CHECK(std::fscanf(file, "%lu %lu", &size, &resident) == 2);
  std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::vector<std::string> names(std::size_t count) {
  std::vector<std::string> result;
  result.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    result.push_back("mail" + std::to_string(i) + ".example.org");
  return result;
}

// Each waits for an attempt within three hours, as most of a large queue does.
void fill(Scheduler& scheduler, const std::vector<std::string>& domains, std::uint64_t count,
          Instant now) {
  std::mt19937_64 random(1);
  for (std::uint64_t id = 1; id <= count; ++id) {
    const std::uint64_t spice = random();
    const DestinationId destination =
        scheduler.destination(domains[spice % domains.size()], 0, now);
    scheduler.add(
        {.key = {QueueId{id}, 0},
         .destination = destination,
         .sender = static_cast<std::uint32_t>(spice >> 40) % 1'000,
         .due = now + milliseconds(1 + static_cast<std::int64_t>(spice >> 32) % 10'800'000),
         .deadline = now + seconds(14'400)},
        now);
  }
}

// Arguments: recipients, destinations.
void enter(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const auto domains = names(static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    const double before = resident_octets();
    auto scheduler = std::make_unique<Scheduler>(SchedulerLimits{}, Instant{}, HashKey{});
    fill(*scheduler, domains, count, Instant{});
    state.counters["bytes_each"] = (resident_octets() - before) / static_cast<double>(count);
    state.PauseTiming();
    scheduler.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(enter)
    ->Args({5'000'000, 100'000})
    ->Args({5'000'000, 100})
    ->Args({5'000'000, 5'000'000})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// All that the core of a message and the core of a destination keep of one with one recipient.
void enter_with_index(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const auto domains = names(100'000);
  for (auto _ : state) {
    const double before = resident_octets();
    auto scheduler = std::make_unique<Scheduler>(SchedulerLimits{}, Instant{}, HashKey{});
    auto index = std::make_unique<Index>();
    for (std::uint32_t segment = 1; segment <= 1'000; ++segment)
      index->add_segment(SegmentId{segment}, true);
    Envelope envelope;
    envelope.recipients.resize(1);
    for (std::uint64_t id = 1; id <= count; ++id) {
      const SegmentId segment{static_cast<std::uint32_t>(1 + id % 1'000)};
      envelope.extents = {{segment, 0, 4'096, 0}};
      index->insert(summarize(QueueId{id}, envelope, {segment, 4'096, 300, 0}));
    }
    fill(*scheduler, domains, count, Instant{});
    state.counters["bytes_each"] = (resident_octets() - before) / static_cast<double>(count);
    state.PauseTiming();
    scheduler.reset();
    index.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(enter_with_index)->Arg(5'000'000)->Iterations(1)->Unit(benchmark::kMillisecond);

// From the wheel to a connection and out of the queue, for all of them.
void deliver(benchmark::State& state) {
  const auto domains = names(static_cast<std::size_t>(state.range(1)));
  const Instant later{seconds(10'900).ns};
  std::vector<RecipientKey> room(100);
  for (auto _ : state) {
    state.PauseTiming();
    auto scheduler = std::make_unique<Scheduler>(SchedulerLimits{}, Instant{}, HashKey{});
    fill(*scheduler, domains, static_cast<std::uint64_t>(state.range(0)), Instant{});
    state.ResumeTiming();
    while (scheduler->advance(later, 1'000)) continue;
    while (const auto start = scheduler->start(later)) {
      for (auto taken = scheduler->take(start->session, later, room); taken.count > 0;
           taken = scheduler->take(start->session, later, room)) {
        for (std::size_t i = 0; i < taken.count; ++i) scheduler->forget(room[i], later);
        scheduler->succeeded(start->session, later);
      }
      scheduler->close(start->session, later);
    }
    CHECK(scheduler->recipients() == 0);
    state.PauseTiming();
    scheduler.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(deliver)
    ->Args({5'000'000, 100'000})
    ->Args({5'000'000, 100})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// Of this thread: what others take from it is not counted.
double processor_seconds() {
  timespec time{};
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The longest that a single call may take while millions come in: the stall of a core.
void longest_call(benchmark::State& state) {
  const auto domains = names(100'000);
  for (auto _ : state) {
    Scheduler scheduler({}, Instant{}, {});
    double longest = 0;
    for (std::uint64_t id = 1; id <= 5'000'000; ++id) {
      const double begin = processor_seconds();
      const DestinationId destination =
          scheduler.destination(domains[id % domains.size()], 0, Instant{});
      scheduler.add({.key = {QueueId{id}, 0}, .destination = destination}, Instant{});
      longest = std::max(longest, processor_seconds() - begin);
    }
    state.counters["longest_us"] = longest * 1e6;
  }
}
BENCHMARK(longest_call)->Iterations(1)->Unit(benchmark::kMillisecond);

void why(benchmark::State& state) {
  Scheduler scheduler({}, Instant{}, {});
  fill(scheduler, names(100'000), 1'000'000, Instant{});
  std::mt19937_64 random(2);
  for (auto _ : state)
    benchmark::DoNotOptimize(
        scheduler.why({QueueId{1 + random() % 1'000'000}, 0}, Instant{}).obstacle);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(why);

}  // namespace
