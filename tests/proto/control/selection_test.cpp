// Selections of the queue: what words mean, what each mistake is told, and who is meant.
#include "proto/control/selection.h"

#include <gtest/gtest.h>

namespace ringpost::control {
namespace {

using Words = std::vector<std::string>;
constexpr std::string_view id = "0100123456789abc";

std::string error_of(const Words& words, bool may_be_empty = false) {
  const auto selection = parse_selection(words, may_be_empty);
  return selection ? "accepted" : selection.error();
}

QueueFilter filter_of(const Words& words) {
  const auto selection = parse_selection(words, false);
  EXPECT_TRUE(selection) << selection.error();
  return selection ? selection->filter : QueueFilter{};
}

TEST(Selection, NamesMessagesAndRecipients) {
  const auto selection = parse_selection(Words{std::string(id), std::string(id) + ".7"}, false);
  ASSERT_TRUE(selection);
  ASSERT_EQ(selection->named.size(), 2u);
  EXPECT_EQ(selection->named[0], (Selection::Named{QueueId{0x0100123456789abc}, {}}));
  EXPECT_EQ(selection->named[1], (Selection::Named{QueueId{0x0100123456789abc}, 7}));
  for (const std::string_view wrong : {".", ".-1", ".x", ".99999999999", ".1.2"})
    EXPECT_FALSE(parse_named(std::string(id) + std::string(wrong))) << wrong;
}

TEST(Selection, TakesEverythingByTheWordAll) {
  const auto all = parse_selection(Words{"all"}, false);
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->named.empty());
  EXPECT_FALSE(all->filter.needs_addresses());
  EXPECT_TRUE(all->filter.takes_age(seconds(-5)));
  EXPECT_TRUE(all->filter.takes_recipient("", ""));
  EXPECT_TRUE(parse_selection(Words{}, true));
}

TEST(Selection, TakesEveryConditionOnce) {
  const QueueFilter filter =
      filter_of({"domain", "Example.ORG", "sender", "<a@b.test>", "recipient", "@c.test", "older",
                 "1d12h", "newer", "2w", "held", "limit", "50"});
  EXPECT_EQ(filter.domain, "example.org");
  EXPECT_EQ(filter.sender, "a@b.test");
  EXPECT_EQ(filter.recipient, "@c.test");
  EXPECT_EQ(filter.older, seconds(36 * 3'600));
  EXPECT_EQ(filter.newer, seconds(14 * 86'400));
  EXPECT_EQ(filter.state, QueueState::Held);
  EXPECT_EQ(filter.limit, 50u);
  for (const std::string_view word : {"pending", "delayed", "active", "paused", "held"}) {
    const QueueFilter by_state = filter_of({"status", std::string(word)});
    ASSERT_TRUE(by_state.state);
    EXPECT_EQ(to_text(*by_state.state), word);
  }
}

TEST(Selection, SaysWhatIsWrong) {
  const std::pair<Words, std::string_view> cases[] = {
      {{}, "name queue ids, or all, or conditions: domain NAME"},
      {{"everything"}, "\"everything\" is neither a queue id (16 hex digits) nor a condition"},
      {{"all", "held"}, "\"all\" is neither a queue id"},
      {{std::string(id), "all"}, "\"all\" is not a queue id"},
      {{std::string(id), "held"}, "\"held\" is not a queue id"},
      {{"domain"}, "domain needs a value"},
      {{"domain", "a@b"}, "\"a@b\" is not a domain"},
      {{"domain", ""}, "\"\" is not a domain"},
      {{"domain", "*."}, "\"*.\" is not a domain"},
      {{"domain", "a.test", "domain", "b.test"}, "domain stands twice"},
      {{"held", "status", "active"}, "status stands twice"},
      {{"sender", "nobody"}, "<> is the sender of reports"},
      {{"recipient", "<>"}, "\"<>\" is not an address"},
      {{"recipient", "a b@c"}, "is not an address"},
      {{"older", "soon"}, "\"soon\" is not a time (90s, 15m, 12h, 3d, 1d12h)"},
      {{"older", "12"}, "\"12\" is not a time"},
      {{"newer", "99999w"}, "\"99999w\" is not a time"},
      {{"newer", ""}, "\"\" is not a time"},
      {{"status", "gone"}, "\"gone\" is not a status"},
      {{"limit", "0"}, "\"0\" is not a number above 0"},
      {{"limit", "-1"}, "\"-1\" is not a number above 0"},
  };
  for (const auto& [words, error] : cases)
    EXPECT_TRUE(error_of(words).contains(error)) << error_of(words) << "\nexpected: " << error;
}

TEST(Selection, ComparesDomainsWithoutCaseAndBelow) {
  const QueueFilter exact = filter_of({"domain", "example.org"});
  EXPECT_TRUE(exact.takes_recipient("x@alias.test", "x@EXAMPLE.org"));
  EXPECT_FALSE(exact.takes_recipient("x@example.org", "x@other.test"));
  EXPECT_FALSE(exact.takes_recipient("", "x@sub.example.org"));
  EXPECT_FALSE(exact.takes_recipient("", "user"));
  const QueueFilter below = filter_of({"domain", "*.example.org"});
  EXPECT_TRUE(below.takes_recipient("", "x@a.b.Example.org"));
  EXPECT_FALSE(below.takes_recipient("", "x@example.org"));
  EXPECT_FALSE(below.takes_recipient("", "x@badexample.org"));
}

TEST(Selection, ComparesAddresses) {
  const QueueFilter recipient = filter_of({"recipient", "Bob@Example.org"});
  EXPECT_TRUE(recipient.takes_recipient("bob@example.ORG", "robert@elsewhere.test"));
  EXPECT_TRUE(recipient.takes_recipient("info@elsewhere.test", "bob@example.org"));
  EXPECT_FALSE(recipient.takes_recipient("bobby@example.org", "bobby@example.org"));
  const QueueFilter sender = filter_of({"sender", "@spam.test"});
  EXPECT_TRUE(sender.takes_sender("any@Spam.test"));
  EXPECT_FALSE(sender.takes_sender("any@not-spam.test"));
  EXPECT_FALSE(sender.takes_sender(""));
  const QueueFilter reports = filter_of({"sender", "<>"});
  EXPECT_TRUE(reports.takes_sender(""));
  EXPECT_FALSE(reports.takes_sender("a@b.test"));
}

TEST(Selection, DividesWhatIsReroutedFromWhere) {
  const auto named = split_reroute(Words{std::string(id), "to", "relay.test:25"});
  ASSERT_TRUE(named);
  EXPECT_EQ(named->which, Words{std::string(id)});
  EXPECT_EQ(named->host, "relay.test:25");
  const auto domain = split_reroute(Words{"for", "a.test", "held", "to", "b.test"});
  ASSERT_TRUE(domain);
  EXPECT_EQ(domain->which, (Words{"domain", "a.test", "held"}));
  for (const Words& wrong : {Words{}, Words{"to", "b.test"}, Words{"all", "b.test"},
                             Words{"all", "to"}, Words{"all", "to", "b.test", "now"}})
    EXPECT_FALSE(split_reroute(wrong));
}

TEST(Selection, ComparesAgeAndState) {
  const QueueFilter filter = filter_of({"older", "1h", "newer", "2h", "status", "delayed"});
  EXPECT_FALSE(filter.takes_age(seconds(3'599)));
  EXPECT_TRUE(filter.takes_age(seconds(3'600)));
  EXPECT_FALSE(filter.takes_age(seconds(7'200)));
  EXPECT_TRUE(filter.takes_state(QueueState::Delayed));
  EXPECT_FALSE(filter.takes_state(QueueState::Held));
}

}  // namespace
}  // namespace ringpost::control
