// `dkim` and `arc`: what they say, and every mistake with its place.
#include "tests/proto/conf/conf_support.h"

namespace ringpost::conf {
namespace {

std::string warnings_in(std::string text) {
  return diagnostics_of(parse_text(with_rule(std::move(text))), Severity::Warning);
}

TEST(ParseSigning, OneDomainWithDefaults) {
  const Config config = config_of("dkim domain Example.ORG selector S1 key \"/k\"");
  ASSERT_EQ(config.dkim_keys.size(), 1U);
  const DkimKey& key = *config.dkim_keys[0];
  EXPECT_EQ(key.position, (Position{0, 1, 13}));
  EXPECT_EQ(key.domain, "example.org");
  EXPECT_EQ(key.domains, nullptr);
  EXPECT_EQ(key.selector, "s1");
  EXPECT_EQ(key.key_path, "/k");
  EXPECT_FALSE(key.only_authenticated || key.any_author || key.simple_header || key.simple_body);
  EXPECT_EQ(key.tag, "");
  EXPECT_EQ(key.expires, Duration{});
  EXPECT_EQ(domains_of(key), std::vector<std::string>{"example.org"});
  EXPECT_EQ(key_path_of(key, "example.org"), "/k");
}

TEST(ParseSigning, ATableWithAllOptions) {
  const Config config = config_of(
      "listen on lo tag out\ntable d { \"a.example\", \"B.example\", \"b.example\" }\n"
      "dkim domain <d> selector 2026 key \"/k/%{domain}/%{domain}.key\" auth { bob } tag out\\\n"
      " canonical simple/relaxed expires 3d");
  ASSERT_EQ(config.dkim_keys.size(), 1U);
  const DkimKey& key = *config.dkim_keys[0];
  EXPECT_EQ(key.domain, "");
  EXPECT_EQ(domains_of(key), (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(key_path_of(key, "a.example"), "/k/a.example/a.example.key");
  EXPECT_EQ(key.selector, "2026");
  EXPECT_TRUE(key.only_authenticated);
  ASSERT_NE(key.users, nullptr);
  EXPECT_TRUE(key.users->contains("bob"));
  EXPECT_EQ(key.tag, "out");
  EXPECT_TRUE(key.simple_header);
  EXPECT_FALSE(key.simple_body);
  EXPECT_EQ(key.expires, seconds(3 * 86'400));
}

TEST(ParseSigning, OneWordOfCanonicalLeavesTheBodySimple) {
  const auto body_of = [](const std::string& form) {
    const Config config = config_of("dkim domain a.b selector s key \"/k\" canonical " + form);
    const DkimKey& key = *config.dkim_keys.at(0);
    return std::pair(key.simple_header, key.simple_body);
  };
  EXPECT_EQ(body_of("relaxed"), std::pair(false, true));
  EXPECT_EQ(body_of("simple"), std::pair(true, true));
  EXPECT_EQ(body_of("relaxed/relaxed"), std::pair(false, false));
}

TEST(ParseSigning, SeveralKeysForADomainAndASeal) {
  const Config config = config_of(
      "listen on lo dmarc none\ndkim domain a.b selector rsa key \"/r\"\n"
      "dkim domain a.b selector ed key \"/e\" any-author auth\n"
      "arc domain A.b selector 7.x key \"/r\"");
  ASSERT_EQ(config.dkim_keys.size(), 2U);
  EXPECT_TRUE(config.dkim_keys[1]->any_author);
  EXPECT_TRUE(config.dkim_keys[1]->only_authenticated);
  EXPECT_EQ(config.dkim_keys[1]->users, nullptr);
  ASSERT_TRUE(config.arc_key);
  EXPECT_EQ(config.arc_key->domain, "a.b");
  EXPECT_EQ(config.arc_key->selector, "7.x");
  EXPECT_EQ(config.arc_key->key_path, "/r");
}

TEST(ParseSigning, WordsAreNotReserved) {
  EXPECT_EQ(errors_in("dkim = \"lo\"\narc = x\nselector = y\nlisten on $dkim\nmatch reject"), "");
}

const std::string key = " selector s key \"/k\"";
struct Case {
  std::string text, error;
};
const std::vector<Case> cases = {
    {"dkim", "1:5: expected \"domain\", found the end of the line"},
    {"dkim domain", "1:12: expected a domain, <table> or { list }, found the end of the line"},
    {"dkim domain a..b" + key,
     "1:13: \"a..b\" is no domain: expected labels with dots between them"},
    {"dkim domain localhost" + key,
     "1:13: \"localhost\" is no domain: expected labels with dots between them"},
    {"dkim domain \"*.a.b\"" + key,
     "1:13: \"*.a.b\" is no domain: expected labels with dots between them"},
    {"dkim domain \"b\xc3\xbc.example\"" + key,
     "1:13: \"b\xc3\xbc.example\" must be written as in the DNS, in A-labels (xn--...)"},
    {"dkim domain a.b", "1:16: expected \"selector\", found the end of the line"},
    {"dkim domain a.b selector", "1:25: expected a selector, found the end of the line"},
    {"dkim domain a.b selector \"s p\" key \"/k\"",
     "1:26: \"s p\" is no selector: expected labels of letters, digits and '-', perhaps with "
     "dots between them"},
    {"dkim domain a.b selector s", "1:27: expected \"key\", found the end of the line"},
    {"dkim domain a.b selector s key",
     "1:31: expected the path of a key, found the end of the "
     "line"},
    {"dkim domain a.b selector s key k", "1:32: the path \"k\" is not absolute"},
    {"dkim domain a.b selector s key \"/%{domain}\"",
     "1:32: %{domain} in the path of a key needs a table of domains"},
    {"dkim domain { a.b } selector s key \"/k\"",
     "1:36: the path needs %{domain}, as each domain of the table has a key of its own"},
    {"dkim domain { a.b } selector s key \"/%{domain}/%{user}\"",
     "1:36: the path of a key holds nothing else than %{domain}"},
    {"dkim domain <t>" + key, "1:14: no such table: \"t\""},
    {"table t { a = b }\ndkim domain <t> selector s key \"/%{domain}\"",
     "1:11: \"a\" is no domain: expected labels with dots between them\n"
     "2:14: table \"t\" is a map and cannot serve \"dkim domain\", which needs a list"},
    {"table t \"lmdb:/t\"\ndkim domain <t> selector s key \"/%{domain}\"",
     "2:13: this table must be in the configuration or in a file"},
    {"table t \"lmdb:/t\"\ndkim domain a.b" + key + " auth <t>",
     "2:42: this table must be in the configuration or in a file"},
    {"dkim domain { a.b } selector s key \"/%{domain}\" any-author",
     "1:49: \"any-author\" needs one domain, as each of a table would sign all"},
    {"dkim domain a.b" + key + " any-author any-author", "1:48: \"any-author\" is given twice"},
    {"dkim domain a.b" + key + " auth auth", "1:42: \"auth\" is given twice"},
    {"listen on lo tag x\ndkim domain a.b" + key + " tag x tag x", "2:43: \"tag\" is given twice"},
    {"dkim domain a.b" + key + " tag", "1:40: expected a tag, found the end of the line"},
    {"dkim domain a.b" + key + " canonical fine",
     "1:47: expected simple or relaxed, perhaps with /simple or /relaxed, found \"fine\""},
    {"dkim domain a.b" + key + " canonical simple canonical simple",
     "1:54: \"canonical\" is given twice"},
    {"dkim domain a.b" + key + " expires 59m",
     "1:45: expires \"59m\" is out of range: 3600000 ms to 2147483647 s"},
    {"dkim domain a.b" + key + " expires 2h expires 2h", "1:48: \"expires\" is given twice"},
    {"dkim domain a.b" + key + " for", "1:37: expected an option of \"dkim\", found \"for\""},
    {"dkim domain a.b" + key + " any", "1:37: expected an option of \"dkim\", found \"any\""},
    {"dkim domain a.b" + key + " other",
     "1:37: expected auth, tag, any-author, canonical or expires, found \"other\""},
    {"dkim domain a.b" + key + "\ndkim domain { c.d, A.B } selector S key \"/%{domain}\"",
     "2:13: a.b has a key with the selector \"s\" already, at test.conf:1"},
    {"arc", "1:4: expected \"domain\", found the end of the line"},
    {"arc domain x" + key, "1:12: \"x\" is no domain: expected labels with dots between them"},
    {"arc domain { a.b }" + key, "1:12: expected a domain, found '{'"},
    {"arc domain a.b selector s key \"/%{domain}\"",
     "1:31: the path of the key that seals has nothing to be filled in"},
    {"arc domain a.b" + key + " auth", "1:36: expected the end of the line, found \"auth\""},
    {"arc domain a.b" + key + "\narc domain c.d" + key,
     "2:12: the key that seals is already given at test.conf:1"},
};

TEST(ParseSigning, RefusesWhatCannotBe) {
  for (const Case& one : cases) EXPECT_EQ(errors_in(one.text), one.error + "\n") << one.text;
}

TEST(ParseSigning, RowsOfATableFileAreReportedThere) {
  EXPECT_EQ(errors_in("table t \"/t\"\ndkim domain <t> selector s key \"/%{domain}\"",
                      {{"/t", "a.example\nno domain\nb.example\n@c.example\n"}}),
            "/t:2:1: \"no domain\" is no domain: expected labels with dots between them\n"
            "/t:4:1: \"@c.example\" is no domain: expected labels with dots between them\n");
}

TEST(ParseSigning, NamesFitIntoTheDns) {
  const std::string label(63, 'a');
  const std::string domain = label + "." + label + "." + label;  // 191 octets
  const auto errors = [&](std::size_t octets, const std::string& word) {
    const std::string selector = std::string(octets / 2, 's') + "." + std::string(octets / 2, 's');
    return errors_in(word + " domain " + domain + " selector " + selector + " key \"/k\"");
  };
  EXPECT_EQ(errors(48, "dkim"), "");  // 49 + 12 + 191
  EXPECT_EQ(errors(48, "arc"), "");
  EXPECT_TRUE(errors(50, "dkim").contains("longer than the 253 octets")) << errors(50, "dkim");
  EXPECT_TRUE(errors(50, "arc").contains("longer than the 253 octets"));
}

// Whichever of the two is published, the other's signatures fail. One key may do both.
TEST(ParseSigning, ASealHasNoOtherKeyInTheSamePlace) {
  const std::string listener = "listen on lo dmarc none\n";
  const std::string arc = "arc domain a.b selector s key \"/k\"\n";
  EXPECT_EQ(errors_in(listener + arc + "dkim domain a.b selector s key \"/other\""),
            "2:12: a.b has another key with the selector \"s\", at test.conf:3\n");
  EXPECT_EQ(errors_in(listener + "dkim domain { c.d, a.b } selector s key \"/%{domain}\"\n" + arc),
            "3:12: a.b has another key with the selector \"s\", at test.conf:2\n");
  EXPECT_EQ(errors_in(listener + arc + "dkim domain a.b selector s key \"/k\""), "");
  EXPECT_EQ(errors_in(listener + arc + "dkim domain a.b selector t key \"/other\""), "");
}

TEST(ParseSigning, WarnsOfLinesThatDoNothing) {
  EXPECT_EQ(warnings_in("listen on lo tag in\ndkim domain a.b selector s key \"/k\" tag out"),
            "2:13: no listener has the tag \"out\": nothing is signed\n");
  EXPECT_EQ(warnings_in("arc domain a.b selector s key \"/k\""),
            "1:12: nothing is sealed, as no listener has \"dmarc\" and so nothing is checked\n");
  EXPECT_EQ(warnings_in("dkim domain a.b selector s key \"/k\" tag in\nlisten on lo tag in"), "");
  EXPECT_EQ(warnings_in("dkim domain a.b selector s key \"/k\" tag IN\nlisten on lo tag in"), "");
  EXPECT_EQ(warnings_in("listen on lo\ndkim domain a.b selector s key \"/k\" auth"),
            "2:13: no listener has \"auth\": nothing is signed\n");
  EXPECT_EQ(warnings_in("listen on lo tag in\nlisten on lo port 26 tag out tls pki p auth\n"
                        "pki p cert \"/c\"\npki p key \"/k\"\n"
                        "dkim domain a.b selector s key \"/k\" auth tag in"),
            "5:13: no listener with the tag \"in\" has \"auth\": nothing is signed\n");
}

}  // namespace
}  // namespace ringpost::conf
