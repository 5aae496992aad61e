// Figures: what one core counts another thread can read, and sums are right.
#include "engine/observe/metrics.h"

#include <memory>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace ringpost::observe {
namespace {

std::uint64_t value(const std::vector<Sample>& list, std::string_view name,
                    std::string_view label = "") {
  for (const Sample& sample : list) {
    if (sample.name == name && sample.label == label) return sample.value;
  }
  ADD_FAILURE() << "no figure " << name << ' ' << label;
  return 0;
}

TEST(Metrics, LabelsOfOthersMaking) {
  EXPECT_EQ(label_value("/etc/mx.pem"), "/etc/mx.pem");
  EXPECT_EQ(label_value("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
}

TEST(Histogram, EveryValueLiesInItsBucketAndBucketsFollowEachOther) {
  for (std::size_t i = 1; i < Histogram::buckets_count; ++i) {
    const std::uint64_t lowest = Histogram::upper_end(i - 1) + 1;
    ASSERT_EQ(Histogram::bucket_of(lowest), i);
    ASSERT_EQ(Histogram::bucket_of(Histogram::upper_end(i)), i);
    if (lowest >= 8) {
      ASSERT_LE(Histogram::upper_end(i) - lowest, lowest / 8);
    }
  }
  EXPECT_EQ(Histogram::bucket_of(0), 0u);
  EXPECT_EQ(Histogram::bucket_of(~std::uint64_t{0}), Histogram::buckets_count - 1);
  EXPECT_EQ(Histogram::upper_end(Histogram::buckets_count - 1), ~std::uint64_t{0});
}

TEST(Histogram, QuantilesAreWithinOneStep) {
  Histogram histogram;
  for (std::uint64_t i = 1; i <= 10'000; ++i) histogram.record(i);
  Histogram::Buckets buckets{};
  histogram.add_to(buckets);
  for (const unsigned permille : {1u, 100u, 500u, 990u, 999u}) {
    const std::uint64_t exact = permille * 10;
    EXPECT_GE(quantile(buckets, permille), exact);
    EXPECT_LE(quantile(buckets, permille), exact + exact / 8 + 1);
  }
  EXPECT_EQ(quantile(Histogram::Buckets{}, 500), 0u);
  EXPECT_EQ(histogram.max(), 10'000u);
  EXPECT_EQ(histogram.sum(), 50'005'000u);
}

TEST(Metrics, AreSummedOverTheCores) {
  const auto first = std::make_unique<CoreMetrics>();
  const auto second = std::make_unique<CoreMetrics>();
  first->session.opened.add(3);
  second->session.opened.add(4);
  first->session.closed[CloseReason::IdleTimeout].add();
  second->session.refused[RefuseReason::Draining].add(2);
  first->session.connections.max.set(100);
  second->session.connections.max.set(100);
  second->session.connections.used.add(8);
  second->session.connections.give_back();
  second->session.connections.refused.add(2);
  first->spool.commit_messages.record(16);
  second->spool.commit_messages.record(64);
  second->spool.commit_messages.record(64);
  second->delivery.messages_queued.set(5);

  const CoreMetrics* cores[] = {first.get(), second.get()};
  const std::vector<Sample> list = samples(cores);
  EXPECT_EQ(value(list, "ringpost_session_opened_total"), 7u);
  EXPECT_EQ(value(list, "ringpost_session_closed_total", "reason=\"idle-timeout\""), 1u);
  EXPECT_EQ(value(list, "ringpost_session_refused_total", "reason=\"draining\""), 2u);
  EXPECT_EQ(value(list, "ringpost_limit_used", "limit=\"connections\""), 7u);
  EXPECT_EQ(value(list, "ringpost_limit_max", "limit=\"connections\""), 200u);
  EXPECT_EQ(value(list, "ringpost_limit_refused_total", "limit=\"connections\""), 2u);
  EXPECT_EQ(value(list, "ringpost_spool_commit_messages", "quantile=\"0.5\""), 64u);
  EXPECT_EQ(value(list, "ringpost_spool_commit_messages", "quantile=\"1\""), 64u);
  EXPECT_EQ(value(list, "ringpost_spool_commit_messages_sum"), 144u);
  EXPECT_EQ(value(list, "ringpost_spool_commit_messages_count"), 3u);
  EXPECT_EQ(value(list, "ringpost_delivery_queued_messages"), 5u);
}

TEST(Metrics, EveryFigureHasItsOwnNameAndAHelp) {
  const auto core = std::make_unique<CoreMetrics>();
  const CoreMetrics* cores[] = {core.get()};
  std::set<std::string> seen;
  for (const Sample& sample : samples(cores)) {
    EXPECT_TRUE(seen.insert(std::string(sample.name) + sample.label).second) << sample.name;
    EXPECT_TRUE(sample.name.starts_with("ringpost_")) << sample.name;
    EXPECT_FALSE(sample.help.empty()) << sample.name;
    EXPECT_EQ(sample.kind == SampleKind::Counter, sample.name.ends_with("_total")) << sample.name;
  }
}

TEST(Metrics, MayBeReadWhileTheCoreCounts) {
  const auto core = std::make_unique<CoreMetrics>();
  const CoreMetrics* cores[] = {core.get()};
  constexpr std::uint64_t messages = 100'000;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < messages; ++i) {
      core->session.messages_accepted.add();
      core->spool.commit_latency.record(i % 1000);
    }
  });
  std::uint64_t last = 0;
  while (last < messages) {
    const std::uint64_t now = value(samples(cores), "ringpost_session_messages_accepted_total");
    ASSERT_GE(now, last);
    last = now;
  }
  writer.join();
  EXPECT_EQ(value(samples(cores), "ringpost_spool_commit_latency_microseconds_count"), messages);
}

}  // namespace
}  // namespace ringpost::observe
