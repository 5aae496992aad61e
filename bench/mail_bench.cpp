// What a message costs that a server without 8BITMIME gets: the look at it, and its conversion.
#include <string>

#include <benchmark/benchmark.h>

#include "proto/base/check.h"
#include "proto/mail/seven_bit.h"

namespace ringpost::mail {
namespace {

constexpr std::size_t piece_octets = std::size_t{256} * 1024;

// About a mebibyte in one part.
std::string content_of(std::string_view type, std::string_view line) {
  std::string content = "MIME-Version: 1.0\r\nContent-Type: ";
  content += type;
  content += "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  while (content.size() < (1u << 20)) content += line;
  return content;
}

void scan(const std::string& content, SevenBitPlan& plan) {
  for (std::size_t at = 0; at < content.size(); at += piece_octets)
    plan.scan(std::string_view(content).substr(at, piece_octets));
  plan.finish();
}

constexpr std::string_view german =
    "Die K\xc3\xb6rner fallen, die Gr\xc3\xb6\xc3\x9f"
    "e z\xc3\xa4hlt, und niemand wei\xc3\x9f.\r\n";

void look_at(benchmark::State& state, std::string_view line) {
  const std::string content = content_of("text/plain; charset=utf-8", line);
  for (auto _ : state) {
    SevenBitPlan plan;
    scan(content, plan);
    benchmark::DoNotOptimize(plan.is_needed());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.size()));
}
BENCHMARK_CAPTURE(look_at, eight_bit, german);
BENCHMARK_CAPTURE(look_at, ascii,
                  "All that is gold does not glitter, not all those who wander\r\n");

void convert(benchmark::State& state, std::string_view type) {
  const std::string content = content_of(type, german);
  SevenBitPlan plan;
  scan(content, plan);
  CHECK(plan.is_needed() && plan.obstacle().empty());
  std::string target;
  for (auto _ : state) {
    SevenBitConverter converter(plan);
    target.clear();
    for (std::size_t at = 0; at < content.size(); at += piece_octets)
      converter.convert(std::string_view(content).substr(at, piece_octets), target);
    converter.finish(target);
    benchmark::DoNotOptimize(target.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.size()));
}
BENCHMARK_CAPTURE(convert, quoted_printable, "text/plain; charset=utf-8");
BENCHMARK_CAPTURE(convert, base64, "application/octet-stream");

}  // namespace
}  // namespace ringpost::mail
