// What the lines of smtpd-filters(7) cost: a report, a question, an answer, and the lines of a
// message both ways.
#include <string>

#include <benchmark/benchmark.h>

#include "proto/filter/answer.h"
#include "proto/filter/line.h"
#include "proto/filter/request.h"

namespace {

using namespace ringpost;

void report(benchmark::State& state) {
  std::string out;
  const filter::ReportHead head{filter::Subsystem::SmtpIn, {1'795'385'584'123'087}, 0x9a4520f2b};
  for (auto _ : state) {
    out.clear();
    filter::append_report(out, head, filter::ReportEvent::TxMail,
                          {"8fadb480", "ok", "sender@client.test"});
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(report);

void question(benchmark::State& state) {
  std::string out;
  std::uint64_t token = 0;
  for (auto _ : state) {
    out.clear();
    filter::append_question(out, {{1'795'385'584'123'087}, 1, ++token, filter::Phase::RcptTo},
                            {"alice@dest.test"});
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(question);

void answer(benchmark::State& state) {
  const std::string line = "filter-result|09a4520f2bb81633|1bc376e448845646|proceed\n";
  filter::LineCutter cutter;
  for (auto _ : state) {
    std::string_view rest = line;
    auto answer = filter::read_answer(cutter.take(rest).line);
    benchmark::DoNotOptimize(answer);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(answer);

std::string message_of(std::size_t octets) {
  std::string content;
  while (content.size() < octets) content += std::string(70, 'x') + "\r\n";
  return content;
}

void content_out(benchmark::State& state) {
  const std::string content = message_of(64 * 1024);
  std::string out;
  for (auto _ : state) {
    out.clear();
    filter::DataLines lines(1, 2);
    benchmark::DoNotOptimize(lines.append(out, {1'795'385'584'123'087}, content));
    benchmark::DoNotOptimize(lines.finish(out, {1'795'385'584'123'087}));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.size()));
}
BENCHMARK(content_out);

void content_back(benchmark::State& state) {
  std::string octets;
  for (int i = 0; i < 1000; ++i)
    octets += "filter-dataline|09a4520f2bb81633|1bc376e448845646|" + std::string(70, 'x') + "\n";
  filter::LineCutter cutter;
  for (auto _ : state) {
    for (std::string_view rest = octets; !rest.empty();) {
      auto answer = filter::read_answer(cutter.take(rest).line);
      benchmark::DoNotOptimize(answer);
    }
  }
  state.SetBytesProcessed(state.iterations() * 72'000);
}
BENCHMARK(content_back);

}  // namespace
