// Built-in filters: every condition, its negation, and what nobody can tell.
#include "proto/conf/filter_test.h"

#include "tests/proto/conf/fake_lookups.h"

namespace ringpost::conf {
namespace {

using Confirmed = ClientNameView::Confirmed;

struct Asked {
  const char* client = "198.51.100.1";  // null: the local socket
  std::string_view helo = {};
  std::string_view login = {};
  ClientNameView name = {};
  AddressView sender = {"alice", "example.com"};
  AddressView recipient = {"bob", "example.org"};
};

class FilterConditions : public testing::Test {
 protected:
  // What becomes of `phase match CONDITION` for this session.
  FilterFinding find(const std::string& phase, const std::string& condition, const Asked& asked) {
    config_ = config_of("table far \"proc:/bin/true\"\nfilter f phase " + phase + " match " +
                        condition + " reject \"550 no\"\nlisten on socket filter f\n");
    SessionFacts facts{.client = {},
                       .tag = {},
                       .helo = asked.helo,
                       .sender = asked.sender,
                       .user = asked.login,
                       .client_name = asked.name};
    if (asked.client != nullptr) facts.client = *parse_net_address(asked.client);
    return test_filter(config_, *config_.filters.front(), facts, asked.recipient, lookups_);
  }
  // Whether the condition holds, and its negation does not.
  bool holds(const std::string& condition, const Asked& asked,
             const std::string& phase = "rcpt-to") {
    const FilterFinding plain = find(phase, condition, asked);
    const FilterFinding negated = find(phase, "!" + condition, asked);
    EXPECT_FALSE(plain.stop || negated.stop);
    EXPECT_NE(plain.holds, negated.holds);
    return plain.holds;
  }

  Config config_;
  FakeLookups lookups_;
};

TEST_F(FilterConditions, NamesOfClients) {
  EXPECT_TRUE(holds("rdns", {.name = {"mx.example.com"}}));
  EXPECT_FALSE(holds("rdns", {}));
  EXPECT_TRUE(holds("rdns \"*.example.com\"", {.name = {"MX.example.com"}}));
  EXPECT_FALSE(holds("rdns \"*.example.com\"", {.name = {"mx.example.net"}}));
  EXPECT_FALSE(holds("rdns \"*\"", {}));
  EXPECT_TRUE(holds("rdns regex dyn", {.name = {"a.dyn.example"}}));
  EXPECT_FALSE(holds("rdns regex dyn", {.name = {"mx.example"}}));
}

TEST_F(FilterConditions, ConfirmedNames) {
  EXPECT_TRUE(holds("fcrdns", {.name = {"mx.test", false, Confirmed::Yes}}, "connect"));
  EXPECT_FALSE(holds("fcrdns", {.name = {"mx.test", false, Confirmed::No}}, "connect"));
  EXPECT_FALSE(holds("fcrdns", {}, "connect"));
  EXPECT_TRUE(holds("fcrdns", {.client = nullptr}, "connect"));
}

// Upstream's `!fcrdns` is true when the DNS fails.
TEST_F(FilterConditions, WhatNobodyCanTellIsNeither) {
  const Asked failed{.name = {{}, true, Confirmed::Unknown}};
  for (const char* condition :
       {"rdns", "!rdns", "fcrdns", "!fcrdns", "rdns \"*\"", "!rdns \"*\""}) {
    const FilterFinding finding = find("connect", condition, failed);
    ASSERT_TRUE(finding.stop) << condition;
    EXPECT_FALSE(finding.stop->waiting_for);
    EXPECT_EQ(finding.stop->reason, "the name of the client's address cannot be found");
  }
  // The name is known, but not whether it leads back.
  const Asked open{.name = {"mx.test", false, Confirmed::Unknown}};
  EXPECT_TRUE(holds("rdns", open));
  EXPECT_TRUE(find("connect", "!fcrdns", open).stop);
  EXPECT_TRUE(find("connect", "fcrdns", open).stop);
}

TEST_F(FilterConditions, Sources) {
  EXPECT_TRUE(holds("src { 198.51.100.0/24 }", {}, "connect"));
  EXPECT_FALSE(holds("src { 198.51.100.0/24 }", {.client = "192.0.2.1"}, "connect"));
  EXPECT_TRUE(holds("src \"local\"", {.client = nullptr}, "connect"));
  EXPECT_TRUE(holds("src regex \"51.100\"", {}, "connect"));
}

TEST_F(FilterConditions, HelloUserAndAddresses) {
  EXPECT_TRUE(holds("helo \"bad.test\"", {.helo = "BAD.test"}));
  EXPECT_FALSE(holds("helo \"bad.test\"", {.helo = "good.test"}));
  EXPECT_TRUE(holds("auth", {.login = "alice"}));
  EXPECT_FALSE(holds("auth", {}));
  EXPECT_TRUE(holds("auth { \"alice\" }", {.login = "alice"}));
  EXPECT_FALSE(holds("auth { \"alice\" }", {.login = "bob"}));
  EXPECT_FALSE(holds("auth { \"alice\" }", {}));
  EXPECT_TRUE(holds("auth { \"@x.test\" }", {.login = "alice@x.test"}));
  EXPECT_TRUE(holds("mail-from { \"@example.com\" }", {}));
  EXPECT_FALSE(holds("mail-from { \"@example.org\" }", {}));
  EXPECT_TRUE(holds("rcpt-to { \"bob@example.org\" }", {}));
  EXPECT_FALSE(holds("rcpt-to { \"eve@example.org\" }", {}));
}

TEST_F(FilterConditions, TablesThatMustBeAsked) {
  const FilterFinding found = find("rcpt-to", "rcpt-to <far>", {});
  EXPECT_FALSE(found.stop || found.holds);
  lookups_.rows["far:bob@example.org"] = "yes";
  EXPECT_TRUE(find("rcpt-to", "rcpt-to <far>", {}).holds);
  lookups_.rows["far:bob@example.org"] = "LATER";
  const FilterFinding later = find("rcpt-to", "rcpt-to <far>", {});
  ASSERT_TRUE(later.stop && later.stop->waiting_for);
  EXPECT_EQ(describe(*later.stop->waiting_for), "table far key bob@example.org");
  lookups_.rows["far:bob@example.org"] = "BROKEN";
  const FilterFinding broken = find("rcpt-to", "!rcpt-to <far>", {});
  ASSERT_TRUE(broken.stop);
  EXPECT_EQ(broken.stop->reason, "broken far:bob@example.org");
}

TEST_F(FilterConditions, WhichNeedTheName) {
  const auto needs = [this](const std::string& condition) {
    find("rcpt-to", condition, {});
    return tests_client_name(*config_.filters.front());
  };
  EXPECT_TRUE(needs("rdns"));
  EXPECT_TRUE(needs("!fcrdns"));
  EXPECT_TRUE(needs("rdns regex x"));
  EXPECT_FALSE(needs("src 192.0.2.1"));
  EXPECT_FALSE(needs("auth"));
  const Config config = config_of(
      "filter a phase connect match src 192.0.2.1 junk\nfilter b phase connect match rdns junk\n"
      "filter both chain { a, b }\nfilter one chain { a }\n");
  EXPECT_TRUE(tests_client_name(*config.filters[2]));
  EXPECT_FALSE(tests_client_name(*config.filters[3]));
}

}  // namespace
}  // namespace ringpost::conf
