// Rules: first match wins, the defaults, every test and its negation.
#include "proto/conf/ruleset.h"

#include <array>

#include "tests/proto/conf/fake_lookups.h"

namespace ringpost::conf {
namespace {

NetAddress address(std::string_view text) { return *parse_net_address(text); }

LocalHost host() {
  const std::array addresses{address("127.0.0.1"), address("::1"), address("192.0.2.1")};
  return LocalHost("MX.example.org", addresses);
}

struct Asked {
  const char* client = "198.51.100.1";  // null: the local socket
  std::string_view domain = "example.org";
  std::string_view user = "bob";
  std::string_view helo = {};
  std::string_view tag = {};
  AddressView sender = {"alice", "example.com"};
  bool forwarded = false;
  std::string_view login = {};
  bool tls = false;
  std::string_view name = {};  // of the client, from the DNS
};

// The number of the rule that decides, 0 for none.
unsigned decided(const std::string& rules, const Asked& asked) {
  const Config config = config_of("action a maildir\n" + rules);
  SessionFacts facts{.client = {},
                     .tag = asked.tag,
                     .helo = asked.helo,
                     .sender = asked.sender,
                     .tls = asked.tls,
                     .user = asked.login,
                     .client_name = {asked.name}};
  if (asked.client != nullptr) facts.client = address(asked.client);
  FakeLookups lookups;
  const Decision decision =
      decide(config, host(), facts, {asked.user, asked.domain}, lookups, asked.forwarded);
  EXPECT_EQ(decision.state, Decision::State::Decided);
  return decision.rule == nullptr ? 0 : decision.rule->number;
}

TEST(Ruleset, WithoutFromOnlyLocalClients) {
  const std::string rules = "match for any action a\n";
  EXPECT_EQ(decided(rules, {.client = "127.0.0.1"}), 1U);
  EXPECT_EQ(decided(rules, {.client = "192.0.2.1"}), 1U);
  EXPECT_EQ(decided(rules, {.client = "::1"}), 1U);
  EXPECT_EQ(decided(rules, {.client = nullptr}), 1U);
  EXPECT_EQ(decided(rules, {.client = "127.0.0.2"}), 0U);  // not an address of an interface
  EXPECT_EQ(decided(rules, {.client = "198.51.100.1"}), 0U);
}

TEST(Ruleset, WithoutForOnlyLocalNames) {
  const std::string rules = "match from any action a\n";
  for (const char* domain : {"localhost", "mx.example.org", "MX.EXAMPLE.ORG", "[127.0.0.1]",
                             "[IPv6:::1]", "[ipv6:0:0::1]"}) {
    EXPECT_EQ(decided(rules, {.domain = domain}), 1U) << domain;
  }
  for (const char* domain : {"example.org", "", "[198.51.100.9]", "[x]", "127.0.0.1"}) {
    EXPECT_EQ(decided(rules, {.domain = domain}), 0U) << domain;
  }
}

TEST(Ruleset, FirstMatchWins) {
  const std::string rules =
      "match from any for domain example.net action a\n"
      "match from any for domain example.org reject\n"
      "match from any for any action a\n";
  EXPECT_EQ(decided(rules, {.domain = "example.net"}), 1U);
  EXPECT_EQ(decided(rules, {.domain = "Example.ORG"}), 2U);
  EXPECT_EQ(decided(rules, {.domain = "example.com"}), 3U);
}

TEST(Ruleset, Sources) {
  const std::string rules =
      "match from src { 198.51.100.0/24, \"2001:db8::/32\" } for any action a\n"
      "match from socket for any action a\n"
      "match !from local for any action a\n";
  EXPECT_EQ(decided(rules, {.client = "198.51.100.1"}), 1U);
  EXPECT_EQ(decided(rules, {.client = "2001:db8::5"}), 1U);
  EXPECT_EQ(decided(rules, {.client = nullptr}), 2U);
  EXPECT_EQ(decided(rules, {.client = "203.0.113.1"}), 3U);
  EXPECT_EQ(decided(rules, {.client = "127.0.0.1"}), 0U);
  EXPECT_EQ(decided("match from src \"local\" for any action a", {.client = nullptr}), 1U);
}

TEST(Ruleset, NamesOfClients) {
  const std::string any = "match from rdns for any action a\nmatch !from rdns for any reject\n";
  EXPECT_EQ(decided(any, {.name = "mail.example.net"}), 1U);
  EXPECT_EQ(decided(any, {}), 2U);
  const std::string rules =
      "match from rdns { \"*.dyn.example\", mail.example.net } for any action a\n"
      "match !from rdns good.example for any action a\n"
      "match from any for any reject\n";
  EXPECT_EQ(decided(rules, {.name = "a.dyn.example"}), 1U);
  EXPECT_EQ(decided(rules, {.name = "mail.example.net"}), 1U);
  EXPECT_EQ(decided(rules, {.name = "other.example"}), 2U);
  EXPECT_EQ(decided(rules, {.name = "good.example"}), 3U);
  EXPECT_EQ(decided(rules, {}), 3U);  // without a name no table decides, negated or not
}

TEST(Ruleset, AnAliasHasNoName) {
  EXPECT_EQ(decided("match from rdns for any action a", {.forwarded = true, .name = "x.example"}),
            0U);
  EXPECT_EQ(decided("match !from rdns for any action a", {.forwarded = true}), 0U);
  EXPECT_EQ(decided("match from rdns \"local\" for any action a", {.forwarded = true}), 1U);
  EXPECT_EQ(decided("match from rdns x.example for any action a",
                    {.forwarded = true, .name = "x.example"}),
            0U);
}

TEST(Ruleset, ANameThatCannotBeFoundPutsMailOff) {
  const Config config = config_of(
      "action a maildir\nmatch tag t for any action a\nmatch from rdns for any action a\n"
      "match from any for any action a\n");
  SessionFacts facts{};
  facts.client = address("198.51.100.1");
  facts.client_name.failed = true;
  FakeLookups lookups;
  const Decision decision = decide(config, host(), facts, {"bob", "example.org"}, lookups);
  EXPECT_EQ(decision.state, Decision::State::TemporaryFailure);
  EXPECT_NE(decision.reason, "");
  facts.client_name.failed = false;
  EXPECT_EQ(decide(config, host(), facts, {"bob", "example.org"}, lookups).rule->number, 3U);
}

TEST(Ruleset, OtherTestsAndTheirNegations) {
  EXPECT_EQ(decided("match tag inside from any for any action a", {.tag = "INSIDE"}), 1U);
  EXPECT_EQ(decided("match tag inside from any for any action a", {.tag = {}}), 0U);
  EXPECT_EQ(decided("match !tag inside from any for any action a", {.tag = {}}), 1U);
  EXPECT_EQ(decided("match helo \"*.example\" from any for any action a", {.helo = "a.example"}),
            1U);
  EXPECT_EQ(decided("match helo \"*.example\" from any for any action a", {.helo = "example"}), 0U);
  EXPECT_EQ(decided("match !helo \"*.example\" from any for any action a", {.helo = "example"}),
            1U);
  EXPECT_EQ(decided("match mail-from \"@example.com\" from any for any action a", {}), 1U);
  EXPECT_EQ(decided("match !mail-from \"@example.com\" from any for any action a", {}), 0U);
  EXPECT_EQ(decided("match from mail-from \"alice@example.com\" for any action a", {}), 1U);
  EXPECT_EQ(decided("match !from mail-from \"alice@example.com\" for any action a", {}), 0U);
  EXPECT_EQ(decided("match from any for rcpt-to { bob@example.org } action a", {}), 1U);
  EXPECT_EQ(decided("match from any !for rcpt-to { bob@example.org } action a", {}), 0U);
  EXPECT_EQ(decided("match from any for any rcpt-to carol action a", {}), 0U);
  EXPECT_EQ(decided("match from any !for domain example.org action a", {}), 0U);
  EXPECT_EQ(decided("match from any !for local action a", {}), 1U);
  EXPECT_EQ(decided("match !from any for any action a", {}), 0U);
}

TEST(Ruleset, AuthenticatedClients) {
  EXPECT_EQ(decided("match auth from any for any action a", {}), 0U);
  EXPECT_EQ(decided("match auth from any for any action a", {.login = "bob"}), 1U);
  EXPECT_EQ(decided("match !auth from any for any action a", {}), 1U);
  EXPECT_EQ(decided("match !auth from any for any action a", {.login = "bob"}), 0U);
  EXPECT_EQ(decided("match from auth for any action a", {.login = "bob"}), 1U);
  EXPECT_EQ(decided("match from auth for any action a", {}), 0U);
  EXPECT_EQ(decided("match !from auth for any action a", {}), 1U);
  EXPECT_EQ(decided("match from auth { alice, bob } for any action a", {.login = "BOB"}), 1U);
  EXPECT_EQ(decided("match from auth { alice, bob } for any action a", {.login = "carol"}), 0U);
  EXPECT_EQ(decided("match !from auth { bob } for any action a", {.login = "bob"}), 0U);
  EXPECT_EQ(
      decided("match from auth \"@example.org\" for any action a", {.login = "bob@example.org"}),
      1U);
  EXPECT_EQ(decided("match from auth \"@example.org\" for any action a", {.login = "bob@x"}), 0U);
  EXPECT_EQ(decided("match auth from any for any action a", {.client = nullptr}), 0U);
}

TEST(Ruleset, EncryptedSessions) {
  EXPECT_EQ(decided("match tls from any for any action a", {}), 0U);
  EXPECT_EQ(decided("match tls from any for any action a", {.tls = true}), 1U);
  EXPECT_EQ(decided("match !tls from any for any action a", {}), 1U);
  EXPECT_EQ(decided("match !tls from any for any action a", {.tls = true}), 0U);
}

// The stand-in for patterns looks for the pattern itself.
TEST(Ruleset, Patterns) {
  EXPECT_EQ(decided("match tag regex sid from any for any action a", {.tag = "inside"}), 1U);
  EXPECT_EQ(decided("match !tag regex sid from any for any action a", {.tag = "inside"}), 0U);
  EXPECT_EQ(decided("match helo regex dsl from any for any action a", {.helo = "x.dsl.y"}), 1U);
  EXPECT_EQ(decided("match mail-from regex \"e@ex\" from any for any action a", {}), 1U);
  EXPECT_EQ(decided("match mail-from regex \"@\" from any for any action a", {.sender = {}}), 0U);
  EXPECT_EQ(decided("match from any for rcpt-to regex \"b@e\" action a", {}), 1U);
  EXPECT_EQ(decided("match from any !for rcpt-to regex \"b@e\" action a", {}), 0U);
  EXPECT_EQ(decided("match from any for domain regex ample action a", {}), 1U);
  EXPECT_EQ(decided("match from any !for domain regex ample action a", {}), 0U);
  EXPECT_EQ(decided("match from src regex \"51.100\" for any action a", {}), 1U);
  EXPECT_EQ(decided("match from src regex oca for any action a", {.client = nullptr}), 1U);
  EXPECT_EQ(decided("match from auth regex ob for any action a", {.login = "bob"}), 1U);
  EXPECT_EQ(decided("match from auth regex \"b@x\" for any action a", {.login = "bob@x"}), 1U);
}

// What a table cannot answer now stops the search: no later rule decides instead.
TEST(Ruleset, TablesThatMustBeAsked) {
  const Config config = config_of(
      "table d proc:/t\naction a maildir\n"
      "match from any !for domain <d> action a\nmatch from any for any action a\n");
  const auto decided_by = [&config](FakeLookups& lookups) {
    return decide(config, host(), {}, {"Bob", "Example.org"}, lookups);
  };
  FakeLookups lookups;
  EXPECT_EQ(decided_by(lookups).rule->number, 1U);
  EXPECT_EQ(lookups.asked, std::vector<std::string>{"table d key example.org"});
  lookups.rows["d:example.org"] = "anything";
  EXPECT_EQ(decided_by(lookups).rule->number, 2U);
  lookups.rows["d:example.org"] = "LATER";
  Decision decision = decided_by(lookups);
  EXPECT_EQ(decision.state, Decision::State::Later);
  ASSERT_TRUE(decision.waiting_for);
  EXPECT_EQ(*decision.waiting_for,
            Question(TableQuestion{config.find_table("d"), TableService::Domain, "example.org"}));
  lookups.rows["d:example.org"] = "BROKEN";
  decision = decided_by(lookups);
  EXPECT_EQ(decision.state, Decision::State::TemporaryFailure);
  EXPECT_EQ(decision.reason, "broken d:example.org");
  EXPECT_EQ(decision.rule, nullptr);
}

TEST(Ruleset, EachTestAsksItsService) {
  const Config config = config_of(
      "table t proc:/t\naction a maildir\n"
      "match tag <t> from src <t> for domain <t> helo <t> auth <t> mail-from <t> rcpt-to <t> "
      "action a\nmatch from auth regex <t> for any action a\n");
  class Recorder final : public Lookups {
   public:
    Answer ask(const Question& question) override {
      const auto& asked = std::get<TableQuestion>(question);
      text += std::to_string(static_cast<int>(asked.service)) + "=" + asked.key + " ";
      const bool is_last = asked.key == "bob@example.org";
      return {.state = is_last ? AnswerState::NotFound : AnswerState::Found};
    }
    bool matches_regex(const Table&, std::string_view) override { return false; }
    std::string text;
  };
  Recorder recorder;
  const SessionFacts facts{.client = address("192.0.2.9"),
                           .tag = "Tag",
                           .helo = "Helo",
                           .sender = {"Alice", "x"},
                           .user = "Carol"};
  const auto number = [](TableService service) {
    return std::to_string(static_cast<int>(service));
  };
  const Decision decision = decide(config, host(), facts, {"Bob", "Example.org"}, recorder);
  EXPECT_EQ(recorder.text,
            number(TableService::String) + "=tag " + number(TableService::NetAddress) +
                "=192.0.2.9 " + number(TableService::Domain) + "=example.org " +
                number(TableService::Domain) + "=helo " + number(TableService::String) + "=carol " +
                number(TableService::MailAddress) + "=alice@x " +
                number(TableService::MailAddress) + "=bob@example.org " +
                number(TableService::Regex) + "=carol ");
  EXPECT_EQ(decision.rule->number, 2U);
}

TEST(Ruleset, AnAliasComesFromHere) {
  const Asked forwarded{.client = "198.51.100.1", .forwarded = true};
  EXPECT_EQ(decided("match for any action a", forwarded), 1U);
  EXPECT_EQ(decided("match from socket for any action a", forwarded), 0U);
  EXPECT_EQ(decided("match !from socket for any action a", forwarded), 0U);
  EXPECT_EQ(decided("match from src 198.51.100.0/24 for any action a", forwarded), 0U);
  EXPECT_EQ(decided("match from src \"local\" for any action a", forwarded), 1U);
}

TEST(Ruleset, TraceNamesTheRule) {
  const Config config =
      config_of("action a maildir\nmatch from any for any action a\nmatch reject\n");
  EXPECT_EQ(trace(config, &config.rules[0]), "rule 1 (test.conf:2) action a");
  EXPECT_EQ(trace(config, &config.rules[1]), "rule 2 (test.conf:3) reject");
  EXPECT_EQ(trace(config, nullptr), "no rule matches");
}

}  // namespace
}  // namespace ringpost::conf
