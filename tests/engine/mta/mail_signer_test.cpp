// Which keys sign: by the author's domain, by who sends it and by which listener it came. And what
// happens when the keys are silent.
#include "engine/mta/mail_signer.h"

#include <gtest/gtest.h>

#include "proto/conf/table.h"
#include "tests/engine/mta/rig.h"

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

// Has the keys, and never answers.
struct SilentSigner final : tls::Signer {
  void sign(tls::SignJob& job, const tls::KeyName&, std::uint16_t, Bytes) override {
    waiting = &job;
  }
  void forget(tls::SignJob& job) override {
    if (waiting == &job) waiting = nullptr;
  }
  tls::SignJob* waiting = nullptr;
};

struct SignedOwner final : MailSignerOwner {
  void mail_signed(bool is_done) override { told = is_done; }
  std::optional<bool> told;
};

class MailSignerTest : public testing::Test {
 protected:
  MailSignerTest() { rig_.parts.signer = &silent_; }
  ~MailSignerTest() override { rig_.parts.signer = &rig_.no_keys; }

  MailSigner signer(conf::BareNewline bare_newline = conf::BareNewline::Refuse) {
    auto generation = std::make_shared<Generation>();
    generation->config.smtp.bare_newline = bare_newline;
    generation->signing.by_domain["a.test"].push_back(
        {.line = &line_, .domain = "a.test", .selector = "s"});
    generation->signing.wants_relaxed_body = true;
    return MailSigner(rig_.parts, generation, MailSigner::Purpose::Dkim);
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  SilentSigner silent_;
  conf::DkimKey line_{.domain = "a.test", .selector = "s"};
  SignedOwner owner_;
};

TEST_F(MailSignerTest, ADrainDoesNotWaitForKeysThatAreSilent) {
  for (const bool is_late : {false, true}) {
    owner_.told.reset();
    MailSigner one = signer();
    one.take(bytes_of("From: x@a.test\r\n\r\nx\r\n"));
    if (!is_late) one.hurry();
    ASSERT_TRUE(one.sign({}, owner_));
    if (is_late) one.hurry();
    EXPECT_FALSE(owner_.told) << "not from inside";
    EXPECT_NE(silent_.waiting, nullptr);
    EXPECT_TRUE(rig_.run([this] { return owner_.told.has_value(); }));
    EXPECT_EQ(owner_.told, false);
    EXPECT_EQ(silent_.waiting, nullptr);
  }
}

TEST_F(MailSignerTest, WhoGoesIsForgotten) {
  {
    MailSigner one = signer();
    one.take(bytes_of("From: x@a.test\r\n\r\nx\r\n"));
    one.hurry();
    ASSERT_TRUE(one.sign({}, owner_));
  }
  EXPECT_EQ(silent_.waiting, nullptr);
  EXPECT_FALSE(owner_.told);
}

TEST_F(MailSignerTest, BareLineEndsAreNotSigned) {
  MailSigner bare = signer(conf::BareNewline::Keep);
  bare.take(bytes_of("From: x@a.test\r\n\r\nx\ny\r\n"));
  EXPECT_FALSE(bare.sign({}, owner_));
  MailSigner whole = signer(conf::BareNewline::Keep);
  whole.take(bytes_of("From: x@a.test\r\n\r\nx\r\ny\r\n"));
  EXPECT_TRUE(whole.sign({}, owner_));
}

}  // namespace
}  // namespace ringpost::mta
