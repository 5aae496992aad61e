// What filters without a program cost beside what they wait for: a share taken from the table of
// all cores, by one thread and by two, for one address and for many; the names that lists are asked
// for, and what their answers say.
#include <array>
#include <string>

#include <benchmark/benchmark.h>

#include "engine/mta/rate_table.h"
#include "engine/ring/clock.h"
#include "proto/dns/address_list.h"

namespace {

using namespace ringpost;

constexpr mta::Share share{1'000, seconds(3600)};
constexpr std::size_t keys_count = 1 << 16;

mta::RateTable& table() {
  static mta::RateTable one(HashKey{1, 2}, mta::rate_table_sets, Instant{});
  return one;
}

const std::array<std::string, keys_count>& keys() {
  static const auto all = [] {
    std::array<std::string, keys_count> made;
    for (std::size_t i = 0; i < made.size(); ++i)
      made[i] = "rate\nslow\n0\n0\n30\n60000000000\n192.0." + std::to_string(i);
    return made;
  }();
  return all;
}

// Addresses one after the other, each thread with its own.
void take_of_many(benchmark::State& state) {
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * (keys_count / 2);
  for (auto _ : state)
    benchmark::DoNotOptimize(table().take(keys()[i++ % keys_count], share, ring::monotonic_now()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(take_of_many)->Threads(1)->Threads(2);

// All threads for the same address: the entry goes from core to core.
void take_of_one(benchmark::State& state) {
  const mta::Share endless{1'000'000'000, seconds(1'000'000)};
  for (auto _ : state)
    benchmark::DoNotOptimize(table().take("one", endless, ring::monotonic_now()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(take_of_one)->Threads(1)->Threads(2);

void name_of_a_listing(benchmark::State& state) {
  const auto zone = dns::Name::parse("zen.example.org");
  const auto address = conf::parse_net_address(state.range(0) == 4 ? "192.0.2.99" : "2001:db8::99");
  for (auto _ : state) benchmark::DoNotOptimize(dns::listing_name(*address, *zone));
}
BENCHMARK(name_of_a_listing)->Arg(4)->Arg(6);

void judgement(benchmark::State& state) {
  dns::Answer answer{.outcome = dns::Outcome::Found};
  answer.records.emplace_back(*conf::parse_net_address("127.0.0.11"));
  const std::array codes{*dns::parse_return_code("127.0.0.2"),
                         *dns::parse_return_code("127.0.0.10-127.0.0.11")};
  for (auto _ : state) benchmark::DoNotOptimize(dns::judge_listing(answer, codes));
}
BENCHMARK(judgement);

}  // namespace
