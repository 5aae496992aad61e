// Keys of `dkim` and `arc` lines by domain, and what is said of those that cannot sign.
#include "engine/mta/signing_keys.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proto/conf/parse.h"

namespace ringpost::mta {
namespace {

process::LoadedKey key_called(char letter, process::KeyKind kind = process::KeyKind::Rsa) {
  process::LoadedKey key{.kind = kind, .bits = 2048};
  key.name.fill(static_cast<std::byte>(letter));
  return key;
}

class SigningKeysTest : public ::testing::Test {
 protected:
  // "LINE: text" of each diagnostic.
  std::string load(const std::string& text) {
    conf::FileReader none = [](const std::string& path) -> std::expected<std::string, Fault> {
      return std::unexpected(Fault{"open", 2, path});
    };
    auto parsed = conf::parse(
        {.path = "conf", .text = text + "\nmatch reject\n", .server_name = "mx.example"}, none);
    EXPECT_TRUE(parsed.config);
    if (!parsed.config) return conf::to_text(parsed.diagnostics.front());
    config_.emplace(std::move(*parsed.config));
    const KeyLookup find =
        [this](const std::string& path,
               const std::string& user) -> std::expected<process::LoadedKey, std::string> {
      EXPECT_EQ(user, conf::keys_user_default);
      ++asked_[path];
      const auto found = files_.find(path);
      if (found == files_.end()) return std::unexpected(path + ": there is none");
      return found->second;
    };
    std::vector<conf::Diagnostic> diagnostics;
    keys_ = load_signing_keys(*config_, find, diagnostics);
    std::string told;
    for (const conf::Diagnostic& one : diagnostics)
      told += fmt::format("{}: {}\n", one.line, one.text);
    return told;
  }

  std::map<std::string, process::LoadedKey> files_;
  std::map<std::string, int> asked_;
  std::optional<conf::Config> config_;
  SigningKeys keys_;
};

TEST_F(SigningKeysTest, NoLinesAreNoKeysAndNoQuestions) {
  EXPECT_EQ(load(""), "");
  EXPECT_FALSE(keys_.signs());
  EXPECT_FALSE(keys_.seal);
  EXPECT_FALSE(keys_.wants_simple_body || keys_.wants_relaxed_body);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(keys_.find("a.example"), nullptr);
}

TEST_F(SigningKeysTest, InTheOrderOfTheLinesAndEachFileOnce) {
  files_ = {{"/r", key_called('r')}, {"/e", key_called('e', process::KeyKind::Ed25519)}};
  EXPECT_EQ(load("dkim domain a.example selector rsa key \"/r\"\n"
                 "dkim domain a.example selector ed key \"/e\" canonical simple/simple\n"
                 "dkim domain b.a.example selector rsa key \"/r\"\n"
                 "dkim domain c.example selector all key \"/r\" any-author\n"
                 "arc domain c.example selector seal key \"/e\"\nlisten on lo dmarc none"),
            "");
  ASSERT_TRUE(keys_.signs());
  const auto* const found = keys_.find("x.a.example");
  ASSERT_NE(found, nullptr);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].selector, "rsa");
  EXPECT_EQ((*found)[0].key, files_["/r"]);
  EXPECT_EQ((*found)[0].line, config_->dkim_keys[0].get());
  EXPECT_EQ((*found)[1].selector, "ed");
  EXPECT_EQ((*found)[1].key.kind, process::KeyKind::Ed25519);
  EXPECT_EQ(keys_.find("b.a.example")->at(0).domain, "b.a.example");
  EXPECT_EQ(keys_.find("c.example"), nullptr);
  ASSERT_EQ(keys_.any_author.size(), 1U);
  EXPECT_EQ(keys_.any_author[0].domain, "c.example");
  ASSERT_TRUE(keys_.seal);
  EXPECT_EQ(keys_.seal->line, nullptr);
  EXPECT_EQ(keys_.seal->selector, "seal");
  EXPECT_TRUE(keys_.wants_simple_body && keys_.wants_relaxed_body);
  EXPECT_EQ(asked_, (std::map<std::string, int>{{"/e", 1}, {"/r", 1}}));
}

TEST_F(SigningKeysTest, EachDomainOfATableHasItsFile) {
  files_ = {{"/k/a.example", key_called('a')}, {"/k/b.example", key_called('b')}};
  EXPECT_EQ(load("dkim domain { A.example, b.example } selector s key \"/k/%{domain}\""), "");
  EXPECT_EQ(keys_.find("a.example")->at(0).key, key_called('a'));
  EXPECT_EQ(keys_.find("b.example")->at(0).key, key_called('b'));
  EXPECT_TRUE(keys_.wants_relaxed_body);
  EXPECT_FALSE(keys_.wants_simple_body);
}

// A From field may hold half a MiB of labels, and the core must not look for each of its ends.
TEST_F(SigningKeysTest, ADomainThatIsNoNameHasNoKeys) {
  files_ = {{"/k", key_called('k')}};
  EXPECT_EQ(load("dkim domain a.example selector s key \"/k\""), "");
  const std::string longest = std::string(253 - 10, 'x') + ".a.example";
  EXPECT_NE(keys_.find(longest), nullptr);
  EXPECT_EQ(keys_.find("x" + longest), nullptr);
  std::string labels;
  while (labels.size() < 500'000) labels += "x.";
  EXPECT_EQ(keys_.find(labels + "a.example"), nullptr);
}

TEST_F(SigningKeysTest, TellsOfKeysThatCannotSign) {
  files_ = {{"/ec", key_called('c', process::KeyKind::Ecdsa)}};
  EXPECT_EQ(load("dkim domain a.example selector s key \"/none\"\n"
                 "dkim domain a.example selector t key \"/ec\"\n"
                 "arc domain c.example selector seal key \"/ec\"\nlisten on lo dmarc none"),
            "1: /none: there is none\n"
            "2: /ec: DKIM knows RSA and Ed25519 keys, and this is another one\n"
            "3: /ec: DKIM knows RSA and Ed25519 keys, and this is another one\n");
}

// The parent knows the sizes; less than 1024 bits does not come this far.
TEST_F(SigningKeysTest, WarnsOfSizesThatFewWant) {
  const auto of_bits = [](std::uint16_t bits) {
    process::LoadedKey key = key_called('r');
    key.bits = bits;
    return key;
  };
  files_ = {{"/1", of_bits(1024)},
            {"/2", of_bits(2047)},
            {"/3", of_bits(2048)},
            {"/4", of_bits(4096)},
            {"/5", of_bits(4097)}};
  files_["/e"] = {.name = {}, .kind = process::KeyKind::Ed25519};
  EXPECT_EQ(load("dkim domain a.example selector s key \"/1\"\n"
                 "dkim domain b.example selector s key \"/2\"\n"
                 "dkim domain c.example selector s key \"/3\"\n"
                 "dkim domain d.example selector s key \"/4\"\n"
                 "dkim domain e.example selector s key \"/e\"\n"
                 "arc domain c.example selector seal key \"/5\"\nlisten on lo dmarc none"),
            "1: /1: an RSA key of 1024 bits is weak: use 2048 at least\n"
            "2: /2: an RSA key of 2047 bits is weak: use 2048 at least\n"
            "6: /5: few can verify an RSA key of 4097 bits: use 4096 at most\n");
  EXPECT_NE(keys_.find("a.example"), nullptr) << "it signs all the same";
  EXPECT_TRUE(keys_.seal);
}

TEST_F(SigningKeysTest, CountsTheDoubtsOfALargeTable) {
  std::string rows = "x.example";
  files_["/k/x.example"] = {.name = {}, .bits = 1024};
  for (int i = 1; i < 15; ++i) {
    rows += fmt::format(", d{}.example", i);
    files_[fmt::format("/k/d{}.example", i)] = {.name = {}, .bits = 1024};
  }
  const std::string told = load("dkim domain { " + rows + " } selector s key \"/k/%{domain}\"");
  EXPECT_TRUE(told.ends_with("\n1: 5 more keys of this line are too small or too large\n")) << told;
  EXPECT_EQ(std::ranges::count(told, '\n'), 11);
}

TEST_F(SigningKeysTest, CountsTheMistakesOfALargeTable) {
  std::string rows = "x.example";
  for (int i = 1; i < 1000; ++i) rows += fmt::format(", d{}.example", i);
  const std::string told = load("dkim domain { " + rows + " } selector s key \"/k/%{domain}\"");
  EXPECT_TRUE(told.starts_with("1: /k/x.example: there is none\n")) << told;
  EXPECT_TRUE(told.ends_with("\n1: 990 more keys of this line cannot be used\n")) << told;
  EXPECT_EQ(std::ranges::count(told, '\n'), 11);
}

}  // namespace
}  // namespace ringpost::mta
