// Expansion: users, aliases, virtual addresses, loops, duplicates, and every way to fail.
#include "proto/conf/expand.h"

#include <array>

#include "tests/proto/conf/fake_lookups.h"

namespace ringpost::conf {
namespace {

class ExpandTest : public testing::Test {
 protected:
  // "action:user+tag<destination" for each delivery, or the outcome.
  std::string expanded(const std::string& text, std::string_view user,
                       std::string_view domain = "example.org") {
    config_ = config_of(text);
    const std::array addresses{*parse_net_address("127.0.0.1")};
    const LocalHost host("mx.example.org", addresses);
    const SessionFacts facts{.client = parse_net_address("198.51.100.1"),
                             .tag = {},
                             .helo = {},
                             .sender = {"s", "example.com"}};
    last_ = expand(config_, host, facts, {user, domain}, lookups_);
    return describe();
  }

  std::string describe() const {
    switch (last_.outcome) {
      case Outcome::Deliver:
        break;
      case Outcome::Refused:
        return "refused";
      case Outcome::Unknown:
        return "unknown";
      case Outcome::Loop:
        return "loop";
      case Outcome::TemporaryFailure:
        return "temporary: " + last_.reason;
      case Outcome::Later:
        return "later: " + conf::describe(*last_.waiting_for);
      case Outcome::Error:
        return std::to_string(last_.reply_code) + " " + last_.reply_text;
    }
    std::string text;
    for (const Delivery& d : last_.deliveries) {
      if (!text.empty()) text += ", ";
      text += d.action->name + ":" + d.user.username;
      if (!d.sub_address.empty()) text += "+" + d.sub_address;
      text += "<" + d.destination_user + "@" + d.destination_domain;
    }
    return text;
  }

  Config config_;
  FakeLookups lookups_;
  Expansion last_;
};

const std::string any_rule = "match from any for any action l\n";
const std::string plain = "action l maildir\n" + any_rule;

TEST_F(ExpandTest, Users) {
  EXPECT_EQ(expanded(plain, "Bob"), "l:bob<Bob@example.org");
  EXPECT_EQ(last_.rule, &config_.rules[0]);
  EXPECT_EQ(expanded(plain, "bob+Lists"), "l:bob+lists<bob+Lists@example.org");
  EXPECT_EQ(expanded(plain, "nobody"), "unknown");
  EXPECT_EQ(expanded(plain, "nobody+x"), "unknown");
  EXPECT_EQ(expanded(plain, "+x"), "unknown");
  EXPECT_EQ(expanded(plain, "later"), "later: user later");
  EXPECT_EQ(expanded(plain, "broken"), "temporary: broken");
  EXPECT_EQ(expanded("smtp sub-addr-delim \"-\"\n" + plain, "bob-x"), "l:bob+x<bob-x@example.org");
}

TEST_F(ExpandTest, RefusedByRules) {
  EXPECT_EQ(expanded("action l maildir\nmatch for any action l\n", "bob"), "refused");
  EXPECT_EQ(last_.rule, nullptr);
  EXPECT_EQ(expanded("match from any for any reject\n", "bob"), "refused");
  EXPECT_EQ(last_.rule, &config_.rules[0]);
}

// RFC 5321 4.5.1: the postmaster without a domain.
TEST_F(ExpandTest, PostmasterWithoutDomain) {
  const std::string local =
      "action l maildir alias { postmaster = bob }\nmatch from any action l\n";
  EXPECT_EQ(expanded(local, "Postmaster", ""), "l:bob<Postmaster@mx.example.org");
}

TEST_F(ExpandTest, Userbase) {
  const std::string text = "action l maildir userbase { bob = \"7:8:/srv/bob\" }\n" + any_rule;
  EXPECT_EQ(expanded(text, "BOB+x"), "l:bob+x<BOB+x@example.org");
  EXPECT_EQ(last_.deliveries[0].user.uid, 7U);
  EXPECT_EQ(last_.deliveries[0].user.directory, "/srv/bob");
  EXPECT_EQ(expanded(text, "carol"), "unknown");
}

std::string aliases(const std::string& rows) {
  return "action l maildir alias { " + rows + " }\n" + any_rule;
}

TEST_F(ExpandTest, Aliases) {
  EXPECT_EQ(expanded(aliases("root = admin"), "root"), "l:admin<root@example.org");
  EXPECT_EQ(expanded(aliases("root = admin"), "ROOT+x"), "l:admin<ROOT+x@example.org");
  EXPECT_EQ(expanded(aliases("\"root+x\" = other, root = admin"), "root+X"),
            "l:other<root+X@example.org");
  EXPECT_EQ(expanded(aliases("root = admin"), "bob"), "l:bob<bob@example.org");
  EXPECT_EQ(expanded(aliases("staff = \"a, b ,c\""), "staff"),
            "l:a<staff@example.org, l:b<staff@example.org, l:c<staff@example.org");
  EXPECT_EQ(expanded(aliases("a = b, b = c"), "a"), "l:c<a@example.org");
  EXPECT_EQ(expanded(aliases("bob = \"bob, carol\""), "bob"),
            "l:bob<bob@example.org, l:carol<bob@example.org");
  EXPECT_EQ(expanded(aliases("a = \"b@example.net, c\", b = d"), "a"),
            "l:c<a@example.org, l:d<b@example.net");
  EXPECT_EQ(expanded(aliases("x = \"error:550 5.1.1 moved away\""), "x"), "550 5.1.1 moved away");
  EXPECT_EQ(expanded(aliases("x = \"error:451 later\""), "x"), "451 later");
}

TEST_F(ExpandTest, OneBadTargetFailsTheRecipient) {
  EXPECT_EQ(expanded(aliases("a = \"b, nobody\""), "a"), "unknown");
  EXPECT_EQ(expanded(aliases("a = \"b, broken\""), "a"), "temporary: broken");
  EXPECT_EQ(expanded(aliases("a = \"b, later\""), "a"), "later: user later");
  EXPECT_TRUE(last_.deliveries.empty());
}

TEST_F(ExpandTest, LoopsAndDuplicates) {
  EXPECT_EQ(expanded(aliases("a = b, b = a"), "a"), "loop");
  EXPECT_EQ(expanded(aliases("a = a@example.org"), "a"), "loop");
  EXPECT_EQ(expanded(aliases("a = \"b, c\", c = b"), "a"), "l:b<a@example.org");
  EXPECT_EQ(expanded(aliases("a = \"b@x.example, b@y.example\""), "a"), "l:b<b@x.example");
  const std::string by_domain =
      "action l maildir \"/v/%{dest.domain}\" alias { a = \"b@x.example, b@y.example\" }\n" +
      any_rule;
  EXPECT_EQ(expanded(by_domain, "a"), "l:b<b@x.example, l:b<b@y.example");
  std::string chain;
  for (int i = 0; i < 12; ++i) {
    chain += "u" + std::to_string(i) + " = u" + std::to_string(i + 1) + "\n";
  }
  EXPECT_EQ(expanded(aliases(chain), "u0"), "loop");
  EXPECT_EQ(expanded(aliases(chain), "u5"), "l:u12<u5@example.org");
}

TEST_F(ExpandTest, TooManyNodes) {
  std::string list = "all:";
  for (int i = 0; i < 5000; ++i) list += " u" + std::to_string(i) + ",";
  ParseResult result =
      parse_text("table a file:/a\naction l maildir alias <a>\n" + any_rule, {{"/a", list + "\n"}});
  ASSERT_TRUE(result.config) << errors_of(result);
  const LocalHost host;
  last_ = expand(*result.config, host, {}, {"all", "example.org"}, lookups_);
  EXPECT_EQ(describe(), "loop");
}

TEST_F(ExpandTest, VirtualOrder) {
  const auto virtuals = [](const std::string& rows) {
    return "action l maildir virtual { " + rows + " }\n" + any_rule;
  };
  const std::string all =
      "\"bob+x@example.org\" = v1, \"bob@example.org\" = v2, \"bob+x\" = v3, bob = v4, "
      "\"@example.org\" = v5, \"@\" = v6";
  EXPECT_EQ(expanded(virtuals(all), "Bob+X", "EXAMPLE.org"), "l:v1<Bob+X@EXAMPLE.org");
  EXPECT_EQ(expanded(virtuals(all), "bob+y"), "l:v2<bob+y@example.org");
  EXPECT_EQ(expanded(virtuals(all), "bob+x", "example.net"), "l:v3<bob+x@example.net");
  EXPECT_EQ(expanded(virtuals(all), "bob", "example.net"), "l:v4<bob@example.net");
  EXPECT_EQ(expanded(virtuals(all), "carol"), "l:v5<carol@example.org");
  EXPECT_EQ(expanded(virtuals(all), "carol", "example.net"), "l:v6<carol@example.net");
  EXPECT_EQ(expanded(virtuals("\"bob@example.org\" = v"), "carol"), "unknown");
  EXPECT_EQ(expanded(virtuals("\"bob@example.org\" = staff, staff = \"a, b\""), "bob"),
            "l:a<bob@example.org, l:b<bob@example.org");
}

TEST_F(ExpandTest, ForwardedAddressesMeetTheRulesAgain) {
  const std::string text =
      "action l maildir alias { a = b@elsewhere.example }\n"
      "match from any for domain example.org action l\n";
  EXPECT_EQ(expanded(text, "a"), "refused");
  EXPECT_EQ(expanded(text + "action m maildir\nmatch for any action m\n", "a"),
            "m:b<b@elsewhere.example");
}

TEST_F(ExpandTest, MaildirPaths) {
  EXPECT_EQ(
      expanded("action l maildir \"/v/%{rcpt.domain:lowercase}/%{user.username}\"\n" + any_rule,
               "bob", "Example.Org"),
      "l:bob<bob@Example.Org");
  EXPECT_EQ(maildir_path(config_, last_.deliveries[0], {}, {"bob", "Example.Org"}),
            "/v/example.org/bob");
  expanded(plain, "bob");
  EXPECT_EQ(maildir_path(config_, last_.deliveries[0], {}, {}), "/home/bob/Maildir");
  Delivery homeless = last_.deliveries[0];
  homeless.user.directory = "";
  EXPECT_EQ(maildir_path(config_, homeless, {}, {}), std::nullopt);
  homeless.user.directory = "relative";
  EXPECT_EQ(maildir_path(config_, homeless, {}, {}), std::nullopt);
  expanded("action l maildir \"mail/%{user.username}\"\n" + any_rule, "bob");
  EXPECT_EQ(maildir_path(config_, last_.deliveries[0], {}, {}), "/home/bob/mail/bob");
}

}  // namespace
}  // namespace ringpost::conf
