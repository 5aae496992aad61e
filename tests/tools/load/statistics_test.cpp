// Sums and their printed forms.
#include "tools/load/statistics.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ringpost::load {
namespace {

Report report_of_two_threads() {
  Statistics one;
  one.begin(Instant{seconds(1).ns});
  one.end(Instant{seconds(2).ns});
  one.messages = 3;
  one.octets = 3'000'000;
  one.latency.record(1'000'000);
  one.latency.record(2'000'000);
  one.latency.record(100'000'000);
  Statistics two;
  two.begin(Instant{seconds(2).ns});
  two.end(Instant{seconds(3).ns});
  two.failed = 2;
  two.uncertain = 1;
  two.errors.add("451 4.3.0 later\nmore");
  two.errors.add("451 4.3.0 later");
  Report report;
  report.add(one);
  report.add(two);
  return report;
}

TEST(LoadStatistics, SumsOverThreads) {
  const Report report = report_of_two_threads();
  EXPECT_EQ(report.messages, 3u);
  EXPECT_DOUBLE_EQ(report.seconds(), 2.0);
  EXPECT_FALSE(report.is_clean());
}

TEST(LoadStatistics, OnlyARunThatDidSomethingIsClean) {
  EXPECT_FALSE(Report{}.is_clean());
  EXPECT_TRUE((Report{.messages = 1}).is_clean());
  EXPECT_FALSE((Report{.messages = 1, .gave_up = true}).is_clean());
  EXPECT_FALSE((Report{.messages = 1, .ledger_failed = true}).is_clean());
  EXPECT_FALSE((Report{.sessions_held = 1, .sessions_wanted = 2}).is_clean());
  EXPECT_TRUE((Report{.sessions_held = 2, .sessions_wanted = 2}).is_clean());
}

TEST(LoadStatistics, PrintsOneLine) {
  const std::string line = to_line(report_of_two_threads(), {});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_TRUE(line.starts_with("3 messages in 2.000 s: 2 messages/s, 1.5 MB/s; latency ms p50 2."))
      << line;
  EXPECT_NE(line.find("2 failed (1 uncertain)"), std::string::npos);
  EXPECT_NE(line.find("2 x \"451 4.3.0 later\""), std::string::npos);
}

TEST(LoadStatistics, PrintsAnObjectWhateverAServerSaid) {
  Report report = report_of_two_threads();
  ErrorCounts strange;
  strange.add("550 \xff\xfe \"quoted\"");
  report.errors.add(strange);
  const auto object = nlohmann::json::parse(to_json(report, {}), nullptr, false);
  ASSERT_FALSE(object.is_discarded());
  EXPECT_EQ(object["messages"], 3);
  EXPECT_EQ(object["failed"], 2);
  EXPECT_DOUBLE_EQ(object["messages_per_second"], 1.5);
  EXPECT_NEAR(object["latency_ms"]["p99"].get<double>(), 100, 1);
  EXPECT_EQ(object["errors"]["451 4.3.0 later"], 2);
  EXPECT_EQ(object["errors"].size(), 2u);
}

TEST(LoadStatistics, NamesTheDestinationsAndRulesOfASink) {
  Options options;
  options.mode = Mode::Sink;
  for (const std::string_view host : {"127.1.0.1", "127.1.0.2", "127.1.0.3"})
    options.listen.push_back(*net::Address::parse(host, 25));
  options.rules = *parse_script("\nrcpt every 2 reply 450 later\n", "script");
  Statistics one;
  one.sink.destinations = {{.connections = 1, .messages = 2, .recipients = 3}, {}, {}};
  one.sink.rules = {4};
  Statistics two;
  two.sink.destinations = {{}, {}, {.connections = 1, .refused = 5, .dropped = 6}};
  two.sink.rules = {1};
  two.sink.unannounced = 7;
  Report report;
  report.add(one);
  report.add(two);
  const auto object = nlohmann::json::parse(to_json(report, options), nullptr, false);
  EXPECT_EQ(object["recipients"], 3);
  EXPECT_EQ(object["refused"], 5);
  EXPECT_EQ(object["dropped"], 6);
  EXPECT_EQ(object["unannounced"], 7);
  EXPECT_EQ(object["destinations"].size(), 2u);
  EXPECT_EQ(object["destinations"]["127.1.0.1:25"]["messages"], 2);
  EXPECT_EQ(object["destinations"]["127.1.0.3:25"]["refused"], 5);
  EXPECT_EQ(object["rules"][0]["line"], 2);
  EXPECT_EQ(object["rules"][0]["acted"], 5);
  EXPECT_NE(to_line(report, options).find("3 recipients at 2 of 3 destinations, 5 refused"),
            std::string::npos)
      << to_line(report, options);
}

TEST(LoadStatistics, KeepsABoundedNumberOfTexts) {
  ErrorCounts errors;
  for (int i = 0; i < 1000; ++i) errors.add(fmt::format("550 {}", i));
  EXPECT_LE(errors.by_text().size(), 33u);
  std::uint64_t sum = 0;
  for (const auto& [text, count] : errors.by_text()) sum += count;
  EXPECT_EQ(sum, 1000u);
}

}  // namespace
}  // namespace ringpost::load
