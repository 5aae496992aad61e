// AUTH of one connection: tables, what the log says and does not say, delays, limits, and answers
// that do not come.
#include "engine/mta/auth_dialogue.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mta/auth_service.h"
#include "engine/mta/hash_functions.h"
#include "engine/mta/table_source.h"
#include "proto/base/base64.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view alice_hash =
    "$2b$04$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBuy";  // of a password nobody uses

class HeldSource final : public TableSource {
 public:
  void ask(TableEnquiry& enquiry) override { held.push_back(&enquiry); }
  std::optional<std::string> update() override { return std::nullopt; }
  void settle() override {}
  std::vector<TableEnquiry*> held;
};

struct NotedOwner final : AuthDialogueOwner {
  void auth_replied(const smtp::ReplyView& reply, const std::string& name) override {
    replies.emplace_back(std::to_string(reply.code) + " " + std::string(reply.text));
    user = name;
  }
  std::vector<std::string> replies;
  std::string user;
};

class AuthDialogueTest : public testing::Test {
 protected:
  AuthDialogueTest() {
    keys_ = sasl::to_text(sasl::make_scram_keys("pencil", "0123456789", 4096, hash_functions()));
    const conf::TableRow rows[] = {
        {"alice", keys_}, {"bob", "bob:*"}, {"carol", "{SSHA}x"}, {"dave", alice_hash}};
    auto made = std::make_shared<Generation>();
    made->config.tables.push_back(
        std::make_unique<const conf::Table>(conf::Table("users", conf::TableKind::Map, rows)));
    made->config.tables.push_back(std::make_unique<const conf::Table>(
        conf::Table::external("people", conf::TableBackend::Proc, "/p")));
    made->sources.emplace(made->config.tables[1].get(), source_);
    made->attempt_limits = {.per_address_max = 3, .per_account_max = 0, .delay_max = {}};
    generation_ = made;
    rig_.parts.auth = &service_;
    rig_.parts.authentications = &authentications_;
  }

  std::unique_ptr<AuthDialogue> dialogue(std::size_t table = 0) {
    return std::make_unique<AuthDialogue>(
        rig_.parts, generation_,
        AuthClient{.session = {1},
                   .address = "192.0.2.1",
                   .group = "192.0.2.1",
                   .credentials = generation_->config.tables[table].get(),
                   .mechanisms = "SCRAM-SHA-256 PLAIN LOGIN"},
        owner_);
  }
  // The reply to a step.
  std::string take(AuthDialogue& dialogue, std::string mechanism,
                   std::optional<std::string_view> response) {
    smtp::AuthStep step{.mechanism = std::move(mechanism)};
    if (response) step.response.emplace(*response);
    const std::size_t before = owner_.replies.size();
    dialogue.take(step);
    EXPECT_TRUE(rig_.run([&] { return owner_.replies.size() > before; }));
    return owner_.replies.back();
  }
  std::string plain(std::string_view message) {
    return take(*dialogue(), "PLAIN", message).substr(0, 3);
  }
  bool settled() {
    return rig_.run([this] { return authentications_.idle() && rig_.enquiries.idle(); });
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  std::shared_ptr<HeldSource> source_ = std::make_shared<HeldSource>();
  std::string keys_;
  std::shared_ptr<const Generation> generation_;
  AuthService service_{nullptr};
  Authentications authentications_{rig_.parts};
  NotedOwner owner_;
};

TEST_F(AuthDialogueTest, AcceptsWhoKnowsThePassword) {
  EXPECT_EQ(plain("\0alice\0pencil"sv), "235");
  EXPECT_EQ(owner_.user, "alice");
  EXPECT_EQ(plain("\0ALICE\0pencil"sv), "235");
  EXPECT_EQ(rig_.metrics.auth.accepted.value(), 2u);
  ASSERT_TRUE(settled());
  EXPECT_EQ(rig_.metrics.auth.under_way.used.value(), 0u);
}

TEST_F(AuthDialogueTest, RefusesEverybodyElse) {
  EXPECT_EQ(plain("\0alice\0pen"sv), "535");
  EXPECT_EQ(plain("\0nobody\0pencil"sv), "535");
  EXPECT_EQ(plain("\0bob\0*"sv), "535");
  EXPECT_TRUE(owner_.user.empty());
  EXPECT_EQ(rig_.metrics.auth.refused.value(), 3u);
  EXPECT_EQ(plain("\0alice\0pencil"sv), "454") << "the address has failed too often";
  EXPECT_EQ(rig_.metrics.auth.limited.value(), 1u);
}

TEST_F(AuthDialogueTest, DoesNotJudgeWhatTheTableCannotSay) {
  EXPECT_EQ(plain("\0carol\0{SSHA}x"sv), "454");
  EXPECT_EQ(rig_.metrics.auth.failed.value(), 1u);
  EXPECT_EQ(rig_.metrics.auth.refused.value(), 0u) << "it is not the client's fault";
}

TEST_F(AuthDialogueTest, SpeaksLoginInSteps) {
  const auto login = dialogue();
  EXPECT_EQ(take(*login, "LOGIN", std::nullopt), "334 VXNlcm5hbWU6");
  EXPECT_EQ(take(*login, "", "alice"), "334 UGFzc3dvcmQ6");
  EXPECT_EQ(take(*login, "", "pencil").substr(0, 3), "235");
  EXPECT_EQ(take(*login, "", "pencil").substr(0, 3), "501") << "out of turn";
}

TEST_F(AuthDialogueTest, KnowsOnlyWhatIsOffered) {
  const auto one = dialogue();
  EXPECT_EQ(take(*one, "CRAM-MD5", std::nullopt).substr(0, 3), "504");
  EXPECT_EQ(take(*one, "SCRAM-SHA-256-PLUS", std::nullopt).substr(0, 3), "504");
  EXPECT_EQ(take(*one, "PLAIN", "nonsense").substr(0, 3), "501");
}

TEST_F(AuthDialogueTest, SpeaksScramAndHidesWhomItKnows) {
  for (const std::string name : {"alice", "nobody", "dave"}) {
    const auto one = dialogue();
    const std::string first = take(*one, "SCRAM-SHA-256", "n,,n=" + name + ",r=abc");
    ASSERT_TRUE(first.starts_with("334 ")) << first;
    const std::string server_first = *base64_decode(first.substr(4));
    EXPECT_TRUE(server_first.ends_with(",i=4096")) << server_first;
    const std::string nonce = server_first.substr(0, server_first.find(','));
    EXPECT_EQ(take(*one, "", "c=biws," + nonce + ",p=AAAA").substr(0, 3), "535") << name;
  }
}

TEST_F(AuthDialogueTest, MakesUpTheSameSaltEachTime) {
  std::vector<std::string> salts;
  for (int i = 0; i < 2; ++i) {
    const std::string first = take(*dialogue(), "SCRAM-SHA-256", "n,,n=nobody,r=abc");
    const std::string text = *base64_decode(first.substr(4));
    salts.push_back(text.substr(text.find(",s=")));
  }
  EXPECT_EQ(salts[0], salts[1]);
}

TEST_F(AuthDialogueTest, OutlivesAnAnswerThatComesLate) {
  {
    const auto one = dialogue(1);
    smtp::AuthStep step{.mechanism = "PLAIN"};
    step.response.emplace("\0alice\0pencil"sv);
    one->take(step);
    ASSERT_TRUE(rig_.run([&] { return !source_->held.empty(); }));
    EXPECT_EQ(source_->held[0]->key, "alice");
    EXPECT_FALSE(authentications_.idle());
  }
  source_->held[0]->answer = {.state = conf::AnswerState::Found, .text = keys_};
  give_back(*source_->held[0]);
  ASSERT_TRUE(settled());
  EXPECT_TRUE(owner_.replies.empty()) << "nobody waits any more";
}

// Else passwords could be guessed by whoever looks at the time, and the work of hashing had for
// nothing.
TEST_F(AuthDialogueTest, WhoGoesBeforeTheAnswerIsCounted) {
  for (int i = 0; i < 3; ++i) {
    const auto one = dialogue(1);
    smtp::AuthStep step{.mechanism = "PLAIN"};
    step.response.emplace("\0alice\0pencil"sv);
    one->take(step);
    ASSERT_TRUE(rig_.run([&] { return !source_->held.empty(); }));
    EXPECT_EQ(rig_.metrics.auth.refused.value(), static_cast<std::uint64_t>(i));
  }
  EXPECT_EQ(rig_.metrics.auth.refused.value(), 3u);
  EXPECT_EQ(plain("\0alice\0pencil"sv), "454");
  EXPECT_EQ(rig_.metrics.auth.limited.value(), 1u);
  for (TableEnquiry* const one : source_->held) {
    one->answer = failure("gone");
    give_back(*one);
  }
  ASSERT_TRUE(settled());
}

TEST_F(AuthDialogueTest, PutsOffWhenTheTableFails) {
  const auto one = dialogue(1);
  smtp::AuthStep step{.mechanism = "PLAIN"};
  step.response.emplace("\0alice\0pencil"sv);
  one->take(step);
  ASSERT_TRUE(rig_.run([&] { return !source_->held.empty(); }));
  source_->held[0]->answer = failure("gone");
  give_back(*source_->held[0]);
  ASSERT_TRUE(rig_.run([&] { return !owner_.replies.empty(); }));
  EXPECT_EQ(owner_.replies[0].substr(0, 3), "454");
  EXPECT_EQ(rig_.metrics.auth.failed.value(), 1u);
}

TEST_F(AuthDialogueTest, DoesNotDelayWhoIsToGo) {
  auto made = std::make_shared<Generation>();
  made->config.tables.push_back(std::make_unique<const conf::Table>(
      conf::Table("users", conf::TableKind::Map, std::span<const conf::TableRow>())));
  made->attempt_limits.delay_max = seconds(60);
  generation_ = made;
  const auto one = dialogue();
  smtp::AuthStep step{.mechanism = "SCRAM-SHA-256"};
  step.response.emplace("n,a=bob,n=alice,r=abc"sv);
  one->take(step);
  EXPECT_TRUE(owner_.replies.empty()) << "parked";
  one->hurry();
  EXPECT_EQ(owner_.replies.at(0).substr(0, 3), "535");
  one->hurry();
  EXPECT_EQ(owner_.replies.size(), 1u);
}

TEST(AddressGroup, IsAPrefixOfIpv6) {
  EXPECT_EQ(address_group(*conf::parse_net_address("192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(address_group(*conf::parse_net_address("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::");
}

TEST(Credential, IsBehindTheUserOrAlone) {
  EXPECT_EQ(credential_in("alice:$2b$x"), "$2b$x");
  EXPECT_EQ(credential_in("$2b$x"), "$2b$x");
  EXPECT_EQ(credential_in(""), "");
}

}  // namespace
}  // namespace ringpost::mta
