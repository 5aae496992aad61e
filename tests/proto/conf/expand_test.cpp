// Expansion: users, aliases, virtual addresses, loops, duplicates, and every way to fail.
#include "proto/conf/expand.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "tests/proto/conf/fake_lookups.h"

namespace ringpost::conf {
namespace {

class ExpandTest : public testing::Test {
 protected:
  using Texts = std::map<std::string, std::string, std::less<>>;

  // With a .forward for some users.
  std::string forwarded(const std::string& text, std::string_view user, Texts forwards) {
    lookups_.forwards = std::move(forwards);
    return expanded(text, user);
  }

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
      text += d.action->name + ":";
      if (d.kind == DeliveryKind::Command) text += "|" + d.target + " as ";
      if (d.kind == DeliveryKind::File) text += d.target + " as ";
      text += d.user.username;
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
  EXPECT_EQ(lookups_.asked.back(), "~/.forward of bob");
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

TEST_F(ExpandTest, CommandsAndFilesOfAliases) {
  EXPECT_EQ(expanded(aliases("a = \"\\\"|/bin/x -f a, b\\\", /var/log/a, b\""), "a"),
            "l:|/bin/x -f a, b as <a@example.org, l:/var/log/a as <a@example.org, "
            "l:b<a@example.org");
  const std::string as_vmail = "action l maildir user vmail alias { a = \"|/bin/x\" }\n" + any_rule;
  EXPECT_EQ(expanded(as_vmail, "a"), "l:|/bin/x as vmail<a@example.org");
  const std::string as_nobody =
      "action l maildir user nobody alias { a = \"|/bin/x\" }\n" + any_rule;
  EXPECT_EQ(expanded(as_nobody, "a"), "temporary: there is no user nobody of action l");
  EXPECT_EQ(expanded(aliases("a = \"b, c\", b = \"|/x\", c = \"|/x\""), "a"),
            "l:|/x as <a@example.org");
  EXPECT_EQ(expanded(aliases("a = \"two words\""), "a"),
            "temporary: an alias is malformed: \"two words\" is not a user or address");
}

TEST_F(ExpandTest, IncludedFiles) {
  const std::string text = aliases("all = \"x, :include:/l, y\", b = \"c\"");
  EXPECT_EQ(expanded(text, "all"), "temporary: the included file /l is missing");
  lookups_.files["/l"] = "# friends\nb, d@example.net\n\n|/bin/x\n:include:/other\n";
  EXPECT_EQ(expanded(text, "all"),
            "l:|/bin/x as <all@example.org, l:x<all@example.org, l:y<all@example.org, "
            "l:c<all@example.org, l:d<d@example.net");
  lookups_.files["/l"] = "b\nnot this\n";
  EXPECT_EQ(expanded(text, "all"), "temporary: /l:2: \"not this\" is not a user or address");
  lookups_.files["/l"] = "LATER";
  EXPECT_EQ(expanded(text, "all"), "later: the included file /l");
  lookups_.files["/l"] = "BROKEN";
  EXPECT_EQ(expanded(text, "all"), "temporary: broken /l");
}

TEST_F(ExpandTest, Forwards) {
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "bob\n"}}), "l:bob<alice@example.org");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", ""}}), "l:alice<alice@example.org");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "# nothing\n:include:/etc/passwd\n"}}),
            "l:alice<alice@example.org");
  EXPECT_EQ(forwarded(plain, "alice+x", {{"alice", "\\alice, \"|/bin/vacation alice\"\n"}}),
            "l:|/bin/vacation alice as alice<alice+x@example.org, l:alice<alice+x@example.org");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "/home/alice/archive\nalice"}}),
            "l:/home/alice/archive as alice<alice@example.org, l:alice<alice@example.org");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "bob"}, {"bob", "carol@example.net"}}),
            "l:carol<carol@example.net");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "error:550 I moved"}}), "550 I moved");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "nobody"}}), "unknown");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "LATER"}}), "later: ~/.forward of alice");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "BROKEN"}}), "temporary: broken alice");
}

TEST_F(ExpandTest, AliasesComeBeforeForwards) {
  const std::string text = aliases("alice = \"alice, bob\"");
  EXPECT_EQ(forwarded(text, "alice", {{"alice", "alice, carol"}}),
            "l:bob<alice@example.org, l:alice<alice@example.org, l:carol<alice@example.org");
  EXPECT_EQ(forwarded(aliases("alice = bob"), "alice", {{"alice", "carol"}}),
            "l:bob<alice@example.org");
}

TEST_F(ExpandTest, ForwardLoopsEnd) {
  EXPECT_EQ(forwarded(plain, "a", {{"a", "b"}, {"b", "a"}}), "loop");
  EXPECT_EQ(forwarded(plain, "a", {{"a", "b, c"}, {"b", "a"}}), "l:c<a@example.org");
  Texts chain;
  for (int i = 0; i < 12; ++i) {
    chain.emplace("u" + std::to_string(i), "u" + std::to_string(i + 1));
  }
  EXPECT_EQ(forwarded(plain, "u0", chain), "loop");
  EXPECT_EQ(forwarded(plain, "u5", chain), "l:u12<u5@example.org");
}

TEST_F(ExpandTest, ForwardsThatAreRefused) {
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", "bob\n\nnot this"}}),
            "temporary: line 3 of the .forward of alice: \"not this\" is not a user or address");
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", std::string(forward_octets_max, '#')}}),
            "temporary: the .forward of alice is too large");
  std::string many;
  for (std::size_t i = 0; i <= forward_targets_max; ++i) many += "u" + std::to_string(i) + "\n";
  EXPECT_EQ(forwarded(plain, "alice", {{"alice", many}}),
            "temporary: the .forward of alice has too many lines");
  EXPECT_EQ(forwarded(plain, "root", {{"root", "|/bin/x"}}),
            "temporary: the .forward of root may not run commands");
  EXPECT_EQ(forwarded(plain, "root", {{"root", "/var/local/mail"}}),
            "temporary: the .forward of root may not write to files");
  EXPECT_EQ(forwarded(plain, "root", {{"root", "admin"}}), "l:admin<root@example.org");
}

// Whose mail is delivered as one user has no say by a .forward, but that user.
TEST_F(ExpandTest, ForwardsBesideAUserOfTheAction) {
  const std::string text = "action l maildir user vmail\n" + any_rule;
  EXPECT_EQ(forwarded(text, "alice", {{"alice", "bob"}}), "l:alice<alice@example.org");
  EXPECT_EQ(forwarded(text, "vmail", {{"vmail", "bob"}}), "l:bob<vmail@example.org");
  const std::string lmtp = "action l lmtp \"/run/lmtp\"\n" + any_rule;
  EXPECT_EQ(forwarded(lmtp, "alice", {{"alice", "bob"}}), "l:alice<alice@example.org");
}

TEST_F(ExpandTest, OnlyForwards) {
  const std::string text = "action l forward-only alias { a = \"|/x\", b = c }\n" + any_rule;
  EXPECT_EQ(forwarded(text, "c", {{"c", "d@example.net"}, {"d", "e, f"}, {"e", ""}}),
            "temporary: e has no .forward, and action l only forwards");
  EXPECT_EQ(forwarded(text, "a", {}),
            "temporary: action l only forwards: no files, commands or errors");
  EXPECT_EQ(forwarded(text, "c", {{"c", "/x"}}),
            "temporary: action l only forwards: no files, commands or errors");
  EXPECT_EQ(forwarded(text, "c", {{"c", "c"}}),
            "temporary: c has no .forward, and action l only forwards");
}

TEST_F(ExpandTest, OnlyExpands) {
  const std::string text =
      "action l expand-only alias { a = \"|/x\", b = c@example.net }\naction m maildir\n"
      "match from any for domain example.net action m\n" +
      any_rule;
  EXPECT_EQ(expanded(text, "a"), "l:|/x as <a@example.org");
  EXPECT_EQ(expanded(text, "b"), "m:c<c@example.net");
  EXPECT_EQ(expanded(text, "c"), "unknown");
  EXPECT_EQ(expanded(text, "c", "example.net"), "m:c<c@example.net");
  EXPECT_EQ(forwarded(text, "d", {{"d", "/f"}}), "l:/f as d<d@example.org");
}

TEST_F(ExpandTest, Relays) {
  const std::string text =
      "action r relay\naction l maildir alias { all = \"a@x.example, A@X.example, b@x.example\" }\n"
      "match from any for domain \"*.example\" action r\n" +
      any_rule;
  EXPECT_EQ(expanded(text, "Some.One", "x.example"), "r:<Some.One@x.example");
  EXPECT_EQ(expanded(text, "all"), "r:<a@x.example, r:<A@X.example, r:<b@x.example");
}

TEST_F(ExpandTest, TablesOutsideOfTheMemory) {
  const std::string text =
      "table v proc:/bin/t\ntable u lmdb:/u\ntable d proc:/bin/t\n"
      "action l maildir virtual <v> userbase <u>\nmatch from any for domain <d> action l\n";
  EXPECT_EQ(expanded(text, "Bob+X", "Example.org"), "refused");
  EXPECT_EQ(lookups_.asked, (std::vector<std::string>{"table d key example.org"}));
  lookups_.rows = {{"d:example.org", ""}, {"v:bob", "carol, dan"}, {"u:carol", "5:6:/home/c"}};
  EXPECT_EQ(expanded(text, "Bob+X"), "unknown");
  EXPECT_EQ(lookups_.asked.back(), "table u key dan");
  lookups_.asked.clear();
  lookups_.rows["u:dan"] = "7:8:/home/d";
  EXPECT_EQ(expanded(text, "Bob+X"), "l:carol<Bob+X@example.org, l:dan<Bob+X@example.org");
  EXPECT_EQ(last_.deliveries[1].user, (UserInfo{"dan", 7, 8, "/home/d"}));
  const std::vector<std::string> first{"table d key example.org", "table v key bob+x@example.org",
                                       "table v key bob@example.org", "table v key bob+x",
                                       "table v key bob"};
  EXPECT_TRUE(std::ranges::equal(first, std::span(lookups_.asked).first(first.size())));
  lookups_.rows["u:dan"] = "7:8";
  EXPECT_EQ(expanded(text, "bob"), "temporary: the row of dan in its userbase is malformed");
  lookups_.rows["v:bob"] = "BROKEN";
  EXPECT_EQ(expanded(text, "bob"), "temporary: broken v:bob");
  lookups_.rows["d:example.org"] = "LATER";
  EXPECT_EQ(expanded(text, "bob"), "later: table d key example.org");
}

// Many members cost no more than few, each.
TEST_F(ExpandTest, LongLists) {
  std::string list;
  for (int i = 0; i < 3000; ++i) list += "u" + std::to_string(i % 1000) + "@x.example\n";
  lookups_.files["/l"] = list;
  expanded(aliases("all = \":include:/l\""), "all");
  EXPECT_EQ(last_.deliveries.size(), 1000U);
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
