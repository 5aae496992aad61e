// What the parts of engine/mta cost that every connection meets: being counted when it comes and
// when it goes, alone and with other cores at the same time.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/mta/connection_counts.h"

namespace ringpost::mta {
namespace {

constexpr ConnectionLimits limits{.connections_max = 1'000'000, .per_address_max = 1'000'000};

ConnectionCounts& shared_counts() {
  static ConnectionCounts counts;
  return counts;
}

std::vector<std::string> addresses(unsigned thread) {
  std::vector<std::string> result;
  for (unsigned i = 0; i < 1024; ++i)
    result.push_back("198." + std::to_string(18 + thread) + "." + std::to_string(i / 256) + "." +
                     std::to_string(i % 256));
  return result;
}

// Every connection from another address: the entry of the table is made and removed each time.
void enter_and_leave(benchmark::State& state) {
  const auto clients = addresses(static_cast<unsigned>(state.thread_index()));
  std::size_t next = 0;
  for (auto _ : state) {
    const std::string& client = clients[next++ % clients.size()];
    benchmark::DoNotOptimize(shared_counts().enter(client, limits));
    shared_counts().leave(client);
  }
}
BENCHMARK(enter_and_leave)->Threads(1)->Threads(2);

// All from one address, which is one entry and one lock for all cores: the worst case.
void enter_and_leave_of_one_address(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(shared_counts().enter("198.51.100.7", limits));
    shared_counts().leave("198.51.100.7");
  }
}
BENCHMARK(enter_and_leave_of_one_address)->Threads(1)->Threads(2);

}  // namespace
}  // namespace ringpost::mta
