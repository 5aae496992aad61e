// What one recipient costs before anything is written (decide and expand), and what loading costs.
#include <string>
#include <utility>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "proto/base/check.h"
#include "proto/conf/expand.h"
#include "proto/conf/parse.h"

namespace ringpost::conf {
namespace {

constexpr const char* simple =
    "table aliases { root = admin, postmaster = root }\n"
    "listen on all\n"
    "action \"local\" maildir alias <aliases>\n"
    "match from any for domain { \"example.org\", \"*.example.net\" } action \"local\"\n"
    "match for local action \"local\"\n";

Config config_of(std::string text, std::string table = {}) {
  FileReader reader = [&table](const std::string&) -> std::expected<std::string, Fault> {
    return table;
  };
  auto result = parse({"bench.conf", std::move(text), "mx.example.org"}, reader);
  CHECK(result.config.has_value());
  return std::move(*result.config);
}

// Knows one user, whatever the name.
class OneUser final : public Lookups {
 public:
  explicit OneUser(UserInfo user) : user_(std::move(user)) {}
  Answer ask(const Question& question) override {
    if (!std::holds_alternative<UserQuestion>(question)) return {.state = AnswerState::NotFound};
    return {.state = AnswerState::Found, .user = user_};
  }
  bool matches_regex(const Table&, std::string_view) override { return false; }

 private:
  UserInfo user_;
};

const SessionFacts facts{.client = parse_net_address("198.51.100.1"),
                         .tag = {},
                         .helo = "client.example",
                         .sender = {"alice", "example.com"}};

void decide_one(benchmark::State& state) {
  const Config config = config_of(simple);
  const LocalHost host("mx.example.org", {});
  OneUser known({});
  for (auto _ : state)
    benchmark::DoNotOptimize(decide(config, host, facts, {"bob", "example.org"}, known));
}
BENCHMARK(decide_one);

void expand_one(benchmark::State& state, std::string_view user, std::string_view domain) {
  const Config config = config_of(simple);
  const LocalHost host("mx.example.org", {});
  OneUser known({"bob", 1000, 1000, "/home/bob"});
  for (auto _ : state) {
    const Expansion expansion = expand(config, host, facts, {user, domain}, known);
    CHECK(expansion.outcome == Outcome::Deliver);
    benchmark::DoNotOptimize(expansion.deliveries.data());
  }
}
BENCHMARK_CAPTURE(expand_one, user, "bob", "example.org");
BENCHMARK_CAPTURE(expand_one, wildcard_domain, "bob", "mail.example.net");
BENCHMARK_CAPTURE(expand_one, alias_of_alias, "postmaster", "example.org");

void expand_virtual_in_a_million(benchmark::State& state) {
  std::string rows;
  for (int i = 0; i < 1'000'000; ++i) {
    rows += "user" + std::to_string(i) + "@example.org: vmail\n";
  }
  const Config config = config_of(
      "table v file:/v\naction l maildir \"/v/%{dest.domain}/%{dest.user}\" virtual <v>\n"
      "match from any for any action l\n",
      std::move(rows));
  const LocalHost host("mx.example.org", {});
  OneUser known({"vmail", 1000, 1000, "/v"});
  for (auto _ : state) {
    const auto expansion = expand(config, host, facts, {"user777777", "example.org"}, known);
    CHECK(expansion.outcome == Outcome::Deliver);
  }
}
BENCHMARK(expand_virtual_in_a_million);

// The price of a recipient among `users` virtual users, ten a domain.
void expand_virtual_users(benchmark::State& state) {
  const int users = static_cast<int>(state.range(0));
  std::string rows, domains = "domains {";
  for (int i = 0; i < users; ++i) {
    rows += fmt::format("user{}@domain{}.example.org: vmail\n", i, i / 10);
    if (i % 10 == 0) domains += fmt::format(" domain{}.example.org", i / 10);
  }
  const Config config =
      config_of("table " + domains +
                    " }\ntable v file:/v\naction l maildir \"/v/%{dest}\" virtual <v> user vmail\n"
                    "match from any for domain <domains> action l\n",
                std::move(rows));
  const LocalHost host("mx.example.org", {});
  OneUser known({"vmail", 1000, 1000, "/v"});
  int next = 0;
  for (auto _ : state) {
    next = (next + 7919) % users;
    const std::string user = fmt::format("user{}", next);
    const std::string domain = fmt::format("domain{}.example.org", next / 10);
    const auto expansion = expand(config, host, facts, {user, domain}, known);
    CHECK(expansion.outcome == Outcome::Deliver);
  }
}
BENCHMARK(expand_virtual_users)->Arg(1)->Arg(100'000);

// A list of a thousand addresses elsewhere, from an included file.
void expand_long_list(benchmark::State& state) {
  const Config config = config_of(
      "action l maildir alias { all = \":include:/list\" }\naction r relay\n"
      "match from any for domain example.org action l\nmatch for any action r\n");
  class List final : public Lookups {
   public:
    List() {
      for (int i = 0; i < 1000; ++i) text_ += fmt::format("member{}@example.net\n", i);
    }
    Answer ask(const Question&) override { return {AnswerState::Found, {}, text_}; }
    bool matches_regex(const Table&, std::string_view) override { return false; }

   private:
    std::string text_;
  };
  List list;
  const LocalHost host("mx.example.org", {});
  for (auto _ : state) {
    const auto expansion = expand(config, host, facts, {"all", "example.org"}, list);
    CHECK(expansion.deliveries.size() == 1000);
  }
}
BENCHMARK(expand_long_list)->Unit(benchmark::kMicrosecond);

void parse_simple(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(config_of(simple));
}
BENCHMARK(parse_simple);

void load_a_million_rows(benchmark::State& state) {
  std::string rows;
  for (int i = 0; i < 1'000'000; ++i) {
    rows += "user" + std::to_string(i) + "@example.org: box" + std::to_string(i) + "\n";
  }
  for (auto _ : state) {
    const auto table = Table::from_file_text("t", rows);
    CHECK(table.has_value());
  }
}
BENCHMARK(load_a_million_rows)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ringpost::conf
