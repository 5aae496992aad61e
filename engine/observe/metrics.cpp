// Sums what the cores count. Every core's struct has the same shape, so one walk over the first
// gives the order, and the fields of the others are found by the same walk.
#include "engine/observe/metrics.h"

#include <fmt/format.h>

namespace ringpost::observe {
namespace {

// Collects samples of one core; those of the next cores are added position by position.
class Summing {
 public:
  explicit Summing(std::vector<Sample>& samples) : samples_(samples) {}

  void begin_core() { at_ = 0, histogram_at_ = 0; }

  void operator()(std::string_view name, std::string_view help, const Counter& counter) {
    add(std::string(name), help, SampleKind::Counter, {}, counter.value());
  }
  void operator()(std::string_view name, std::string_view help, const Gauge& gauge) {
    add(std::string(name), help, SampleKind::Gauge, {}, gauge.value());
  }
  void operator()(std::string_view name, std::string_view help, const LimitGauge& gauge) {
    const std::string label = fmt::format("limit=\"{}\"", name);
    add("ringpost_limit_used", help, SampleKind::Gauge, label, gauge.used.value());
    add("ringpost_limit_max", help, SampleKind::Gauge, label, gauge.max.value());
    add("ringpost_limit_refused_total", help, SampleKind::Counter, label, gauge.refused.value());
  }
  template <class Reason, std::size_t count>
  void operator()(std::string_view name, std::string_view help,
                  const CounterByReason<Reason, count>& counters) {
    for (std::size_t i = 0; i < count; ++i) {
      add(std::string(name), help, SampleKind::Counter,
          fmt::format("reason=\"{}\"", to_text(static_cast<Reason>(i))),
          counters.counters[i].value());
    }
  }
  void operator()(std::string_view name, std::string_view help, const Histogram& histogram) {
    if (histogram_at_ == histograms_.size()) histograms_.push_back({.first = samples_.size()});
    Total& total = histograms_[histogram_at_++];
    histogram.add_to(total.buckets);
    total.max = std::max(total.max, histogram.max());
    for (const std::string_view label :
         {"quantile=\"0.5\"", "quantile=\"0.99\"", "quantile=\"0.999\"", "quantile=\"1\""}) {
      add(std::string(name), help, SampleKind::Summary, std::string(label), 0);
    }
    add(fmt::format("{}_sum", name), help, SampleKind::Summary, {}, histogram.sum());
    add(fmt::format("{}_count", name), help, SampleKind::Summary, {}, 0);
  }

  // Quantiles can be told only from the buckets of all cores together.
  void finish() {
    for (const Total& total : histograms_) {
      Sample* sample = &samples_[total.first];
      sample[0].value = std::min(quantile(total.buckets, 500), total.max);
      sample[1].value = std::min(quantile(total.buckets, 990), total.max);
      sample[2].value = std::min(quantile(total.buckets, 999), total.max);
      sample[3].value = total.max;
      for (const std::uint64_t count : total.buckets) sample[5].value += count;
    }
  }

 private:
  struct Total {
    std::size_t first = 0;  // index of the histogram's first sample
    Histogram::Buckets buckets{};
    std::uint64_t max = 0;
  };

  void add(std::string name, std::string_view help, SampleKind kind, std::string label,
           std::uint64_t value) {
    if (at_ == samples_.size())
      samples_.push_back({std::move(name), help, kind, std::move(label), 0});
    samples_[at_++].value += value;
  }

  std::vector<Sample>& samples_;
  std::vector<Total> histograms_;
  std::size_t at_ = 0;
  std::size_t histogram_at_ = 0;
};

}  // namespace

std::string label_value(std::string_view text) {
  std::string result;
  for (const char octet : text) {
    if (octet == '\\' || octet == '"') result += '\\';
    octet == '\n' ? result += "\\n" : result += octet;
  }
  return result;
}

std::vector<Sample> samples(std::span<const CoreMetrics* const> cores) {
  std::vector<Sample> result;
  Summing summing(result);
  for (const CoreMetrics* core : cores) {
    summing.begin_core();
    CoreMetrics::each(*core, summing);
  }
  summing.finish();
  return result;
}

}  // namespace ringpost::observe
