// Figures by the name of a filter process: see filter_metrics.h.
#include "engine/observe/filter_metrics.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace ringpost::observe {
namespace {

struct NamedCounter {
  std::string_view name, help;
  Counter FilterFigures::* counter;
};
constexpr auto counters = std::to_array<NamedCounter>({
    {"ringpost_filter_reports_total", "reports to filter processes", &FilterFigures::reports},
    {"ringpost_filter_questions_total", "questions to filter processes", &FilterFigures::questions},
    {"ringpost_filter_unavailable_total", "questions without an answer",
     &FilterFigures::unavailable},
    {"ringpost_filter_late_total", "of those: not answered in time", &FilterFigures::late},
    {"ringpost_filter_starts_total", "filter processes started", &FilterFigures::starts},
    {"ringpost_filter_deaths_total",
     "filter processes that ended by themselves, hung or broke "
     "the protocol",
     &FilterFigures::deaths},
    {"ringpost_filter_strays_total", "answers that nobody waits for", &FilterFigures::strays},
});

struct NamedAnswer {
  std::string_view kind;
  Counter FilterFigures::* counter;
};
constexpr auto answers = std::to_array<NamedAnswer>({
    {"proceed", &FilterFigures::proceeds},
    {"junk", &FilterFigures::junks},
    {"reject", &FilterFigures::rejects},
    {"disconnect", &FilterFigures::disconnects},
    {"rewrite", &FilterFigures::rewrites},
    {"report", &FilterFigures::filter_reports},
});

class Rows {
 public:
  Rows(std::vector<Sample>& rows, const std::string& filter)
      : rows_(rows), label_(fmt::format("filter=\"{}\"", label_value(filter))) {}

  void add(std::string_view name, std::string_view help, SampleKind kind, std::uint64_t value,
           std::string_view more = {}) {
    const std::string label = more.empty() ? label_ : fmt::format("{},{}", label_, more);
    rows_.push_back({std::string(name), help, kind, label, value});
  }

 private:
  std::vector<Sample>& rows_;
  std::string label_;
};

template <class Cores, class Read>
std::uint64_t sum(const Cores& cores, Read read) {
  std::uint64_t total = 0;
  for (const auto& [core, figures] : cores) total += read(*figures);
  return total;
}

template <class Cores>
void add_waits(Rows& rows, const Cores& cores) {
  constexpr std::string_view name = "ringpost_filter_answer_microseconds";
  constexpr std::string_view help = "until a filter process had answered";
  Histogram::Buckets buckets{};
  std::uint64_t max = 0;
  for (const auto& [core, figures] : cores) {
    figures->answer_wait.add_to(buckets);
    max = std::max(max, figures->answer_wait.max());
  }
  std::uint64_t count = 0;
  for (const std::uint64_t one : buckets) count += one;
  for (const auto& [permille, text] :
       {std::pair(500u, "0.5"), std::pair(990u, "0.99"), std::pair(999u, "0.999")})
    rows.add(name, help, SampleKind::Summary, std::min(quantile(buckets, permille), max),
             fmt::format("quantile=\"{}\"", text));
  rows.add(name, help, SampleKind::Summary, max, "quantile=\"1\"");
  rows.add(fmt::format("{}_sum", name), help, SampleKind::Summary,
           sum(cores, [](const FilterFigures& one) { return one.answer_wait.sum(); }));
  rows.add(fmt::format("{}_count", name), help, SampleKind::Summary, count);
}

}  // namespace

FilterFigures& FilterMetrics::of(const std::string& filter, unsigned core) {
  const std::lock_guard guard(lock_);
  auto& figures = filters_[filter][core];
  if (figures == nullptr) figures = std::make_unique<FilterFigures>();
  return *figures;
}

std::vector<Sample> FilterMetrics::samples() const {
  const std::lock_guard guard(lock_);
  std::vector<Sample> all;
  for (const auto& [filter, cores] : filters_) {
    Rows rows(all, filter);
    rows.add("ringpost_filter_ready", "1: the filter process serves", SampleKind::Gauge,
             sum(cores, [](const FilterFigures& one) { return one.ready.value(); }));
    for (const NamedCounter& one : counters)
      rows.add(one.name, one.help, SampleKind::Counter,
               sum(cores, [&one](const FilterFigures& f) { return (f.*one.counter).value(); }));
    for (const NamedAnswer& one : answers)
      rows.add("ringpost_filter_answers_total", "answers, by kind", SampleKind::Counter,
               sum(cores, [&one](const FilterFigures& f) { return (f.*one.counter).value(); }),
               fmt::format("kind=\"{}\"", one.kind));
    rows.add("ringpost_filter_queue_octets", "octets that wait on their way to it",
             SampleKind::Gauge, sum(cores, [](const FilterFigures& one) {
               return one.queue.used.value() + one.unwritten.value();
             }));
    rows.add("ringpost_filter_queue_octets_max", "most that may wait", SampleKind::Gauge,
             sum(cores, [](const FilterFigures& one) { return one.queue.max.value(); }));
    rows.add("ringpost_filter_queue_refused_total", "reports and questions without room",
             SampleKind::Counter,
             sum(cores, [](const FilterFigures& one) { return one.queue.refused.value(); }));
    add_waits(rows, cores);
  }
  return all;
}

}  // namespace ringpost::observe
