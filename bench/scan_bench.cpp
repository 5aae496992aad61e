// Pattern matching over a text of the size of a small message, and over host names; loading an
// image.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "scan/pattern/database.h"
#include "scan/pattern/matcher.h"

namespace {

using ringpost::bytes_of;
using ringpost::scan::Database;
using ringpost::scan::Matcher;
using ringpost::scan::Pattern;

// Shapes of real rules: names of dynamic address pools, phrases, links; none matches the texts.
std::vector<Pattern> rules(std::size_t count) {
  std::vector<Pattern> list;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    const std::string shapes[] = {"(dyn|dsl|pool)-[0-9]{1,3}-" + n + "\\.example",
                                  "\\bearn \\$" + n + "[0-9]{3,5} (a|per) (day|week)",
                                  "https?://[a-z0-9.-]{1,40}/" + n + "\\?track="};
    list.push_back({shapes[i % 3], {.any_case = true, .multi_line = true}, i});
  }
  return list;
}

std::string message_text() {
  std::string text;
  while (text.size() < 4096)
    text += "The minutes of our last meeting are attached; see page 2.\r\n";
  text.resize(4096);
  return text;
}

void match_message(benchmark::State& state) {
  const Database database = *Database::compile(rules(static_cast<std::size_t>(state.range(0))));
  Matcher matcher(database);
  const std::string text = message_text();
  for (auto _ : state) benchmark::DoNotOptimize(matcher.match(bytes_of(text)).size());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(match_message)->Arg(10)->Arg(100)->Arg(1000);

void match_host_name(benchmark::State& state) {
  const Database database = *Database::compile(rules(static_cast<std::size_t>(state.range(0))));
  Matcher matcher(database);
  const std::string name = "mail-42.outbound.relay.example.net";
  for (auto _ : state) benchmark::DoNotOptimize(matcher.matches_any(bytes_of(name)));
}
BENCHMARK(match_host_name)->Arg(100)->Arg(1000);

void load_image(benchmark::State& state) {
  const auto image =
      Database::compile(rules(static_cast<std::size_t>(state.range(0))))->serialise();
  for (auto _ : state) benchmark::DoNotOptimize(Database::deserialise(image)->pattern_count());
}
BENCHMARK(load_image)->Arg(100)->Arg(1000);

}  // namespace
