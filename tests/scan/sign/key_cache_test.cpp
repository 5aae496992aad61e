// Finding keys: what becomes of a signature when its key is not there or not one, and what is kept.
#include "scan/sign/key_cache.h"

#include <gtest/gtest.h>

#include "tests/scan/sign/published_keys.h"

namespace ringpost::scan {
namespace {

const std::string unreadable = "v=DKIM1; p=Zm9v";

class KeyCacheTest : public testing::Test {
 protected:
  KeyCacheTest() {
    signature.key_name = *dns::Name::parse("s._domainkey.example.com");
    signature.domain = "example.com";
  }
  std::optional<KeyCache::Keys> find() { return cache.find_keys(signature, memo); }
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
  // Looks for a key of that record under a name of its own.
  void see(int number, const std::string& record) {
    signature.key_name = *dns::Name::parse("s" + std::to_string(number) + ".example.com");
    answer(dns::Outcome::Found, {{record}});
    find();
  }

  auth::DkimSignature signature;
  auth::DnsMemo memo;
  KeyCache cache{4};
};

TEST_F(KeyCacheTest, WaitsForTheDns) {
  EXPECT_FALSE(find().has_value());
  ASSERT_EQ(memo.take_wanted().size(), 1u);
  answer(dns::Outcome::Found, {{rsa_record.substr(0, 100), rsa_record.substr(100)}});
  const auto keys = find();
  ASSERT_TRUE(keys && *keys);
  EXPECT_TRUE((*keys)->front()->usable.has_value());
}

TEST_F(KeyCacheTest, TellsWhatIsMissingFromWhatIsBroken) {
  answer(dns::Outcome::NoName, {});
  EXPECT_EQ(find()->error().result, auth::Result::PermError);
  EXPECT_EQ(reason(), "no key is published");
}

TEST_F(KeyCacheTest, TemporaryFailuresAreTemporary) {
  answer(dns::Outcome::Failed, {}, dns::Failure::Timeout);
  EXPECT_EQ(find()->error().result, auth::Result::TempError);
}

TEST_F(KeyCacheTest, LoopsArePermanent) {
  answer(dns::Outcome::Failed, {}, dns::Failure::LongChain);
  EXPECT_EQ(find()->error().result, auth::Result::PermError);
}

TEST_F(KeyCacheTest, TriesSeveralRecords) {
  answer(dns::Outcome::Found,
         {{"rubbish"}, {"k=ed25519; p=Zm9v"}, {"p=Zm9v"}, {"p=YmFy"}, {"p=YmFy"}});
  const auto keys = find();
  ASSERT_TRUE(keys && *keys);
  EXPECT_EQ((*keys)->size(), 2u) << "what is behind the fourth record is passed over";
  EXPECT_EQ((*keys)->front()->usable.error(), "the RSA key cannot be read");
}

TEST_F(KeyCacheTest, RefusesHugeRecords) {
  answer(dns::Outcome::Found, {std::vector<std::string>(4096, std::string(255, 'A'))});
  EXPECT_EQ(reason(), "no key is published");
}

TEST_F(KeyCacheTest, HonoursFlags) {
  signature.identity_is_domain = false;
  answer(dns::Outcome::Found, {{"t=s; p=Zm9v"}});
  EXPECT_EQ(reason(), "the key is not for domains below d=");
}

TEST_F(KeyCacheTest, ReadsARecordOnce) {
  see(1, rsa_record);
  const ReadKey* const first = (*find())->front();
  see(2, rsa_record);
  EXPECT_EQ((*find())->front(), first) << "the same key under another name";
  EXPECT_EQ(cache.records(), 1u);
}

TEST_F(KeyCacheTest, KeepsWhatIsUsedAndIsBounded) {
  see(0, rsa_record);
  const ReadKey* const first = (*find())->front();
  for (int i = 1; i < 40; ++i) {
    see(2 * i, "p=" + std::string(static_cast<std::size_t>(4 * i), 'A'));
    see(2 * i + 1, rsa_record);
    ASSERT_EQ((*find())->front(), first);
    ASSERT_LE(cache.records(), 8u);
  }
  see(100, unreadable);
  for (int i = 101; i < 110; ++i) see(i, "p=" + std::string(static_cast<std::size_t>(4 * i), 'A'));
  see(200, rsa_record);
  EXPECT_TRUE((*find())->front()->usable.has_value()) << "read again";
}

}  // namespace
}  // namespace ringpost::scan
