// Which keys sign: by the author's domain, by who sends it and by which listener it came.
#include "engine/mta/mail_signer.h"

#include <gtest/gtest.h>

#include "proto/conf/table.h"

namespace ringpost::mta {
namespace {

class ChooseKeysTest : public testing::Test {
 protected:
  void add(conf::DkimKey line) {
    lines_.push_back(std::make_unique<conf::DkimKey>(std::move(line)));
    const conf::DkimKey& kept = *lines_.back();
    SigningKey key{.line = &kept, .domain = kept.domain, .selector = kept.selector};
    if (kept.any_author) {
      keys_.any_author.push_back(std::move(key));
    } else {
      keys_.by_domain[kept.domain].push_back(std::move(key));
    }
  }
  std::string chosen(const std::vector<std::string>& authors, SigningClient client = {}) const {
    std::string all;
    for (const SigningKey* key : choose_keys(keys_, client, authors))
      all += (all.empty() ? "" : " ") + key->selector;
    return all;
  }

  std::vector<std::unique_ptr<conf::DkimKey>> lines_;
  SigningKeys keys_;
};

const conf::Table& users() {
  static const std::vector<conf::TableRow> rows{{.key = "bob"}, {.key = "@agency.test"}};
  static const conf::Table table("users", conf::TableKind::List, rows);
  return table;
}

TEST_F(ChooseKeysTest, TheLongestDomainOfTheAuthor) {
  add({.domain = "a.test", .selector = "one"});
  add({.domain = "a.test", .selector = "two"});
  add({.domain = "sub.a.test", .selector = "three"});
  EXPECT_EQ(chosen({"a.test"}), "one two");
  EXPECT_EQ(chosen({"A.Test"}), "one two");
  EXPECT_EQ(chosen({"mail.a.test"}), "one two");
  EXPECT_EQ(chosen({"sub.a.test"}), "three");
  EXPECT_EQ(chosen({"x.sub.a.test"}), "three");
  EXPECT_EQ(chosen({"xa.test"}), "");
  EXPECT_EQ(chosen({"test"}), "");
  EXPECT_EQ(chosen({}), "");
  EXPECT_EQ(chosen({"a.test", "sub.a.test", "mail.a.test"}), "one two three");
}

TEST_F(ChooseKeysTest, AnInternationalDomain) {
  add({.domain = "xn--bcher-kva.test", .selector = "one"});
  EXPECT_EQ(chosen({"b\xc3\xbc"
                    "cher.test"}),
            "one");
}

TEST_F(ChooseKeysTest, ByListenerAndUser) {
  add({.domain = "a.test", .selector = "tagged", .tag = "SUBMIT"});
  add({.domain = "a.test", .selector = "known", .only_authenticated = true});
  add({.domain = "a.test", .selector = "listed", .only_authenticated = true, .users = &users()});
  EXPECT_EQ(chosen({"a.test"}), "");
  EXPECT_EQ(chosen({"a.test"}, {.tag = "submit"}), "tagged");
  EXPECT_EQ(chosen({"a.test"}, {.user = "carol"}), "known");
  EXPECT_EQ(chosen({"a.test"}, {.user = "bob"}), "known listed");
  EXPECT_EQ(chosen({"a.test"}, {.user = "bob", .tag = "SUBMIT"}), "tagged known listed");
}

// On a host for many the users of one domain must not sign as another's.
TEST_F(ChooseKeysTest, AUserWithADomainSpeaksForIt) {
  add({.domain = "a.test", .selector = "one"});
  add({.domain = "a.test", .selector = "listed", .only_authenticated = true, .users = &users()});
  EXPECT_EQ(chosen({"a.test"}, {.user = "bob@a.test"}), "one");
  EXPECT_EQ(chosen({"sub.a.test"}, {.user = "bob@A.test"}), "one");
  EXPECT_EQ(chosen({"a.test"}, {.user = "bob@sub.a.test"}), "");
  EXPECT_EQ(chosen({"sub.a.test"}, {.user = "bob@sub.a.test"}), "one");
  EXPECT_EQ(chosen({"a.test"}, {.user = "bob@b.test"}), "");
  EXPECT_EQ(chosen({"a.test"}, {.user = "bob@xa.test"}), "");
  EXPECT_EQ(chosen({"a.test"}, {.user = "x@agency.test"}), "listed");
}

TEST_F(ChooseKeysTest, ForAnyAuthor) {
  add({.domain = "a.test", .selector = "one"});
  add({.domain = "host.test", .selector = "all", .any_author = true});
  add({.domain = "host.test", .selector = "tagged", .tag = "bulk", .any_author = true});
  EXPECT_EQ(chosen({"b.test"}), "all");
  EXPECT_EQ(chosen({"a.test"}, {.user = "x@c.test"}), "all");
  EXPECT_EQ(chosen({"a.test"}, {.tag = "bulk"}), "one all tagged");
}

}  // namespace
}  // namespace ringpost::mta
