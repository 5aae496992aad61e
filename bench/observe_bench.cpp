// What the log and the figures cost a core: a line rendered and queued, a line that is not wanted,
// a counter, a histogram, and a scrape.
#include <memory>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/observe/event_log.h"
#include "engine/observe/metrics.h"
#include "proto/control/request.h"

namespace ringpost::observe {
namespace {

constexpr WallTime now{1'795'392'611'123'456};

MessageAccepted accepted() {
  return {.id = QueueId{0x0100'1234'5678'9abc},
          .session = SessionId{42},
          .client = "192.0.2.1",
          .helo = "mx.example.test",
          .from = "sender@example.test",
          .recipients = 1,
          .octets = 4096,
          .elapsed = milliseconds(3)};
}

void render_line(benchmark::State& state) {
  const MessageAccepted event = accepted();
  for (auto _ : state) {
    LogLine line(now, 0, MessageAccepted::name);
    event.fields(line);
    benchmark::DoNotOptimize(line.finish());
  }
}
BENCHMARK(render_line);

// Rendered, queued and written to /dev/null by the writer thread, which shares the processor; lines
// that find the ring full count as emitted, as they do for a core.
void emit_line(benchmark::State& state) {
  const auto log = EventLog::open({.path = "/dev/null"});
  if (!log) return state.SkipWithError("no /dev/null");
  const MessageAccepted event = accepted();
  for (auto _ : state) (*log)->core(0).emit(now, event);
  state.counters["dropped"] = static_cast<double>((*log)->lines_dropped());
}
BENCHMARK(emit_line);

void skip_verbose_line(benchmark::State& state) {
  const auto log = EventLog::open({.path = "/dev/null"});
  if (!log) return state.SkipWithError("no /dev/null");
  for (auto _ : state) {
    (*log)->core(0).emit(now, LineReceived{.session = SessionId{1}, .line = "NOOP"});
  }
}
BENCHMARK(skip_verbose_line);

void quote_hostile_value(benchmark::State& state) {
  const std::string value(200, '\x1b');
  for (auto _ : state) {
    LogLine line(now, 0, "bench");
    line("value", value);
    benchmark::DoNotOptimize(line.finish());
  }
}
BENCHMARK(quote_hostile_value);

void count(benchmark::State& state) {
  const auto counter = std::make_unique<Counter>();
  Counter* shared = counter.get();
  benchmark::DoNotOptimize(shared);
  for (auto _ : state) {
    shared->add();
    benchmark::ClobberMemory();
  }
}
BENCHMARK(count);

void record_in_histogram(benchmark::State& state) {
  const auto histogram = std::make_unique<Histogram>();
  std::uint64_t value = 1;
  for (auto _ : state) {
    value = value * 6364136223846793005ull + 1442695040888963407ull;
    histogram->record(value >> 44);
  }
}
BENCHMARK(record_in_histogram);

void scrape_two_cores(benchmark::State& state) {
  const auto first = std::make_unique<CoreMetrics>();
  const auto second = std::make_unique<CoreMetrics>();
  const CoreMetrics* cores[] = {first.get(), second.get()};
  for (auto _ : state) benchmark::DoNotOptimize(samples(cores));
}
BENCHMARK(scrape_two_cores);

void parse_control_request(benchmark::State& state) {
  const std::string line = control::print_request(
      {.command = "show queue", .arguments = {"0100123456789abc"}, .after = "cursor"});
  for (auto _ : state) benchmark::DoNotOptimize(control::parse_request(line));
}
BENCHMARK(parse_control_request);

}  // namespace
}  // namespace ringpost::observe
