// What DMARC's reports cost: noting a message, and making the reports about 100,000 domains of what
// was noted, without the DNS and the mail. See README.md.
#include <map>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include "engine/mta/gzip.h"
#include "proto/auth/dmarc_report.h"
#include "store/dmarc/row.h"

namespace ringpost {
namespace {

constexpr std::size_t domains_count = 100'000;

auth::DmarcRow row_of(std::size_t number) {
  const std::string domain = fmt::format("domain{:06}.example", number);
  return {.second = 1'790'000'000,
          .published = {.domain = domain,
                        .policy = auth::DmarcPolicy::Reject,
                        .failure_options = "0",
                        .aggregate_uris = {"mailto:dmarc@" + domain}},
          .source = "192.0.2.1",
          .spf_aligned = true,
          .header_from = domain,
          .envelope_from = domain,
          .spf_domain = domain,
          .spf = auth::Result::Pass,
          .signatures = {{domain, "s1", auth::Result::Pass}}};
}

std::string all_rows() {
  std::string octets;
  for (std::size_t i = 0; i < domains_count; ++i) store::append_row(octets, row_of(i));
  return octets;
}

void note(benchmark::State& state) {
  const auth::DmarcRow row = row_of(1);
  std::string octets;
  for (auto _ : state) {
    octets.clear();
    store::append_row(octets, row);
    benchmark::DoNotOptimize(octets.data());
  }
  state.counters["octets"] = static_cast<double>(octets.size());
}

void read_rows(benchmark::State& state) {
  const std::string octets = all_rows();
  for (auto _ : state) {
    store::RowReader reader(bytes_of(octets));
    std::size_t count = 0;
    while (reader.next()) ++count;
    if (count != domains_count) state.SkipWithError("rows are missing");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(domains_count));
}

void make_reports(benchmark::State& state) {
  const std::string octets = all_rows();
  std::size_t packed = 0;
  for (auto _ : state) {
    std::map<std::string, auth::DmarcAggregate> aggregates;
    store::RowReader reader(bytes_of(octets));
    while (const auto row = reader.next()) aggregates[row->published.domain].add(*row);
    packed = 0;
    for (const auto& [domain, aggregate] : aggregates) {
      const auth::ReportFrame frame{.organization = "receiver.example",
                                    .from = "dmarc@receiver.example",
                                    .report_id = domain,
                                    .submitter = "receiver.example"};
      packed += mta::gzip(auth::report_xml(frame, aggregate, std::size_t{16} << 20))->size();
    }
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  state.counters["rows_octets"] = static_cast<double>(octets.size());
  state.counters["packed_octets"] = static_cast<double>(packed);
  state.counters["memory_most_kib"] = static_cast<double>(used.ru_maxrss);
}

BENCHMARK(note);
BENCHMARK(read_rows)->Unit(benchmark::kMillisecond);
BENCHMARK(make_reports)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace ringpost
