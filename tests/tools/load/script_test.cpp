// The script of a sink: what each line means, every mistake by name, and which rule acts when.
#include "tools/load/script.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::load {
namespace {

std::vector<Rule> rules_of(std::string_view text) {
  auto rules = parse_script(text, "script");
  EXPECT_TRUE(rules) << conf::to_text(rules.error().front());
  return std::move(rules).value_or(std::vector<Rule>{});
}

std::string error_of(std::string_view text) {
  const auto rules = parse_script(text, "script");
  return rules ? "" : conf::to_text(rules.error().front());
}

Occasion at(Step step, std::string_view address = "127.1.0.1", std::uint16_t port = 25) {
  return {.step = step, .address = *conf::parse_net_address(address), .port = port};
}

TEST(LoadScript, ReadsEveryConditionAndAction) {
  const auto rules = rules_of(
      "# a comment\n"
      "\n"
      "  rcpt address 127.1.0.0/16 port 2525 sender a@A.test recipient X@B.test domain *.C.test"
      " every 3 delay 250 close reply 451 4.7.1 come  back\r\n"
      "data-end chance 7% drop");
  ASSERT_EQ(rules.size(), 2u);
  const Rule& first = rules[0];
  EXPECT_EQ(first.line, 3u);
  EXPECT_TRUE(first.text.starts_with("rcpt address") && first.text.ends_with("back"));
  EXPECT_EQ(first.step, Step::Rcpt);
  EXPECT_EQ(first.address, conf::parse_net_prefix("127.1.0.0/16"));
  EXPECT_EQ(first.port, 2525);
  EXPECT_EQ(first.sender, "a@a.test");
  EXPECT_EQ(first.recipient, "X@b.test");
  EXPECT_EQ(first.domain, "*.c.test");
  EXPECT_EQ(first.every, 3u);
  EXPECT_EQ(first.delay, milliseconds(250));
  EXPECT_EQ(first.ending, Ending::Close);
  EXPECT_EQ(first.reply, smtp::Reply(451, {4, 7, 1}, "come  back"));
  EXPECT_EQ(rules[1].line, 4u);
  EXPECT_EQ(rules[1].ending, Ending::Drop);
  EXPECT_EQ(rules[1].per_million, 70'000u);
  EXPECT_FALSE(rules[1].reply);
  EXPECT_TRUE(rules_of("").empty());
}

TEST(LoadScript, ReadsRepliesWithAndWithoutAnEnhancedStatus) {
  EXPECT_EQ(rules_of("mail reply 250 fine")[0].reply, smtp::Reply(250, {}, "fine"));
  EXPECT_EQ(rules_of("mail reply 550 4.7.1 odd")[0].reply, smtp::Reply(550, {}, "4.7.1 odd"));
}

struct Mistake {
  std::string_view line;
  std::string_view said;
};

class LoadScriptMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(LoadScriptMistakes, AreRefusedByName) {
  const std::string error = error_of(GetParam().line);
  EXPECT_NE(error.find(GetParam().said), std::string::npos) << error;
  EXPECT_TRUE(error.starts_with("script:1:")) << error;
}

INSTANTIATE_TEST_SUITE_P(
    All, LoadScriptMistakes,
    testing::Values(
        Mistake{"quit drop", "not \"quit\""}, Mistake{"rcpt", "an action"},
        Mistake{"rcpt every 2", "an action"}, Mistake{"rcpt frobnicate", "\"frobnicate\""},
        Mistake{"rcpt drop reply 250 ok", "\"drop\" says nothing"},
        Mistake{"rcpt every 2 chance 3% drop", "together"},
        Mistake{"greeting domain a.test drop", "not known at \"greeting\""},
        Mistake{"mail recipient a@a.test drop", "not known at \"mail\""},
        Mistake{"hello sender a@a.test drop", "not known at \"hello\""},
        Mistake{"rcpt address 127.1.0.0/40 drop", "after \"address\""},
        Mistake{"rcpt address", "after \"address\""}, Mistake{"rcpt port 0 drop", "\"port\""},
        Mistake{"rcpt port 65536 drop", "\"port\""}, Mistake{"rcpt domain a..b drop", "\"domain\""},
        Mistake{"rcpt recipient a b", "\"recipient\""}, Mistake{"rcpt sender b", "\"sender\""},
        Mistake{"rcpt every 1 drop", "\"every\""}, Mistake{"rcpt chance 0% drop", "\"chance\""},
        Mistake{"rcpt chance 5 drop", "\"chance\""}, Mistake{"rcpt delay 0", "\"delay\""},
        Mistake{"rcpt delay 3600001", "\"delay\""}, Mistake{"rcpt reply", "reply code 2xx"},
        Mistake{"rcpt reply 354 x", "reply code"}, Mistake{"rcpt reply 600 x", "reply code"},
        Mistake{"rcpt reply 450", "printable"}, Mistake{"rcpt reply 450x", "printable"},
        Mistake{"rcpt reply 450 gr\xc3\xbc", "printable"},
        Mistake{"greeting reply 220 hello", "reply code 4xx"},
        Mistake{"data reply 250 ok", "reply code 4xx"}));

TEST(LoadScript, TellsOfEveryLineThatIsWrong) {
  const auto rules = parse_script("rcpt drop\nx\nrcpt port y drop\n", "script");
  ASSERT_FALSE(rules);
  ASSERT_EQ(rules.error().size(), 2u);
  EXPECT_EQ(rules.error()[0].line, 2u);
  EXPECT_EQ(rules.error()[1].line, 3u);
  EXPECT_EQ(rules.error()[1].column, 11u);
  EXPECT_EQ(rules.error()[1].source_line, "rcpt port y drop");
}

TEST(LoadScript, HasABound) {
  std::string text;
  for (int i = 0; i < 1001; ++i) text += "rcpt drop\n";
  EXPECT_NE(error_of(text).find("script:1001:"), std::string::npos) << error_of(text);
}

TEST(LoadPlay, TheFirstRuleThatAgreesActs) {
  const auto rules = rules_of(
      "rcpt address 127.1.0.0/24 recipient kept@a.test reply 250 ok\n"
      "rcpt address 127.1.0.0/24 domain a.test drop\n"
      "rcpt port 26 drop\n"
      "mail sender s@s.test drop\n");
  Play play(rules, 0);
  const std::vector<std::string> kept{"kept@a.test"};
  const std::vector<std::string> other{"x@b.test", "x@a.test"};
  Occasion occasion = at(Step::Rcpt);
  occasion.recipients = kept;
  EXPECT_EQ(play.choose(occasion), &rules[0]);
  occasion.recipients = other;
  EXPECT_EQ(play.choose(occasion), &rules[1]);
  occasion.address = *conf::parse_net_address("127.1.1.1");
  EXPECT_EQ(play.choose(occasion), nullptr);
  occasion.address = *conf::parse_net_address("::1");
  EXPECT_EQ(play.choose(occasion), nullptr);
  occasion.port = 26;
  EXPECT_EQ(play.choose(occasion), &rules[2]);
  Occasion mail = at(Step::Mail);
  EXPECT_EQ(play.choose(mail), nullptr);
  mail.sender = "s@s.test";
  EXPECT_EQ(play.choose(mail), &rules[3]);
}

TEST(LoadPlay, AStarStandsForTheDomainsBelow) {
  const auto rules = rules_of("rcpt domain *.a.test drop\n");
  Play play(rules, 0);
  for (const auto& [recipient, agrees] :
       std::vector<std::pair<std::string, bool>>{{"x@b.a.test", true},
                                                 {"x@c.b.a.test", true},
                                                 {"x@a.test", false},
                                                 {"x@ba.test", false},
                                                 {"postmaster", false}}) {
    const std::vector<std::string> recipients{recipient};
    Occasion occasion = at(Step::Rcpt);
    occasion.recipients = recipients;
    EXPECT_EQ(play.choose(occasion) != nullptr, agrees) << recipient;
  }
}

TEST(LoadPlay, EveryNthCountsTheOccasionsThatAgree) {
  const auto rules = rules_of("greeting every 3 drop\ndata delay 1\n");
  Play play(rules, 0);
  std::string acts;
  for (int i = 0; i < 7; ++i) {
    acts += play.choose(at(Step::Greeting)) != nullptr ? 'x' : '.';
    EXPECT_EQ(play.choose(at(Step::Data)), &rules[1]);
  }
  EXPECT_EQ(acts, "..x..x.");
}

TEST(LoadPlay, ChanceIsAsLikelyAsItSaysAndRepeatable) {
  const auto rules = rules_of("greeting chance 20% drop\n");
  Play one(rules, 7);
  Play two(rules, 7);
  int chosen = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool acts = one.choose(at(Step::Greeting)) != nullptr;
    EXPECT_EQ(two.choose(at(Step::Greeting)) != nullptr, acts);
    chosen += acts ? 1 : 0;
  }
  EXPECT_NEAR(chosen, 2000, 200);
  const auto always = rules_of("greeting chance 100% drop\n");
  Play sure(always, 7);
  for (int i = 0; i < 100; ++i) EXPECT_NE(sure.choose(at(Step::Greeting)), nullptr);
}

}  // namespace
}  // namespace ringpost::load
