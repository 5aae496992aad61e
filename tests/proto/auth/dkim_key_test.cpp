// Key records: what they say, and what becomes of a signature when they are not there or not one.
#include "proto/auth/dkim_key.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

std::string_view problem(std::string_view record) {
  const auto key = parse_key_record(record);
  return key ? std::string_view() : key.error();
}

TEST(DkimKey, ReadsWhatARecordSays) {
  const auto key = parse_key_record("v=DKIM1; k=ed25519; t=y:s; n=note; p=Zm9v YmFy");
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->algorithm, Algorithm::Ed25519Sha256);
  EXPECT_EQ(key->octets, "foobar");
  EXPECT_TRUE(key->is_testing);
  EXPECT_TRUE(key->identity_exact);
  const auto plain = parse_key_record("p=Zm9v; g=nobody; h=sha1:sha256; s=*:other");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->algorithm, Algorithm::RsaSha256);
  EXPECT_FALSE(plain->is_testing);
}

TEST(DkimKey, RefusesWhatIsNoKeyForUs) {
  EXPECT_EQ(problem("p"), "the key record cannot be read");
  EXPECT_EQ(problem("v=DKIM2; p=Zm9v"), "the key record is of another version");
  EXPECT_EQ(problem("p=Zm9v; v=DKIM1"), "the key record is of another version");
  EXPECT_EQ(problem("k=dsa; p=Zm9v"), "a key of an unknown kind");
  EXPECT_EQ(problem("h=sha1; p=Zm9v"), "the key is not for SHA-256");
  EXPECT_EQ(problem("s=tlsrpt; p=Zm9v"), "the key is not for mail");
  EXPECT_EQ(problem("s=email; p=Zm9v"), "");
  EXPECT_EQ(problem("k=rsa"), "the key record has no p=");
  EXPECT_EQ(problem("p="), "the key is revoked");
  EXPECT_EQ(problem("p=!"), "p= is no base64");
}

class Search : public testing::Test {
 protected:
  Search() {
    signature.key_name = *dns::Name::parse("s._domainkey.example.com");
    signature.domain = "example.com";
  }
  std::optional<Keys> find() { return find_keys(signature, memo); }
  void answer(dns::Outcome outcome, std::vector<std::vector<std::string>> records,
              dns::Failure failure = dns::Failure::None) {
    auto made = std::make_shared<dns::Answer>();
    made->outcome = outcome;
    made->failure = failure;
    for (auto& strings : records) made->records.emplace_back(dns::Text{std::move(strings)});
    memo.put({signature.key_name, dns::Type::Txt}, std::move(made));
  }
  std::string_view reason() {
    const auto keys = find();
    return keys && !*keys ? keys->error().reason : std::string_view();
  }

  DkimSignature signature;
  DnsMemo memo;
};

TEST_F(Search, WaitsForTheDns) {
  EXPECT_FALSE(find().has_value());
  ASSERT_EQ(memo.take_wanted().size(), 1u);
  answer(dns::Outcome::Found, {{"v=DKIM1; p=Zm9v", "YmFy"}});
  const auto keys = find();
  ASSERT_TRUE(keys && *keys);
  EXPECT_EQ((*keys)->front().octets, "foobar");
}

TEST_F(Search, TellsWhatIsMissingFromWhatIsBroken) {
  answer(dns::Outcome::NoName, {});
  EXPECT_EQ(find()->error().result, Result::PermError);
  EXPECT_EQ(reason(), "no key is published");
}

TEST_F(Search, TemporaryFailuresAreTemporary) {
  answer(dns::Outcome::Failed, {}, dns::Failure::Timeout);
  EXPECT_EQ(find()->error().result, Result::TempError);
}

TEST_F(Search, LoopsArePermanent) {
  answer(dns::Outcome::Failed, {}, dns::Failure::LongChain);
  EXPECT_EQ(find()->error().result, Result::PermError);
}

TEST_F(Search, TriesSeveralRecords) {
  answer(dns::Outcome::Found,
         {{"rubbish"}, {"k=ed25519; p=Zm9v"}, {"p=Zm9v"}, {"p=YmFy"}, {"p=YmFy"}});
  const auto keys = find();
  ASSERT_TRUE(keys && *keys);
  EXPECT_EQ((*keys)->size(), 2u) << "what is behind the fourth record is passed over";
}

TEST_F(Search, RefusesHugeRecords) {
  answer(dns::Outcome::Found, {std::vector<std::string>(4096, std::string(255, 'A'))});
  EXPECT_EQ(reason(), "no key is published");
}

TEST_F(Search, HonoursFlags) {
  signature.identity_is_domain = false;
  answer(dns::Outcome::Found, {{"t=s; p=Zm9v"}});
  EXPECT_EQ(reason(), "the key is not for domains below d=");
}

}  // namespace
}  // namespace ringpost::auth
