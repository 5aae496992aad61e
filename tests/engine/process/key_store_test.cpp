// Keys by name: the one asked for signs, and one that is no longer wanted goes after its time.
#include "engine/process/key_store.h"

#include <cerrno>

#include "tests/engine/process/key_fixture.h"
#include "tests/engine/support.h"

namespace ringpost::process {
namespace {

class KeyStoreTest : public testing::Test {
 protected:
  PrivateKey new_key() {
    const std::string path = folder_.file("key");
    auto key = PrivateKey::open(test::write_key(path, test::pem_of(test::new_ec_key().get())));
    EXPECT_TRUE(key);
    return std::move(*key);
  }
  int result(const KeyName& name) const {
    const auto signature = store_.sign(name, 0x0403, bytes_of("x"));
    return signature ? 0 : signature.error();
  }
  test::TemporaryDirectory folder_;
  KeyStore store_;
  Instant now_{1'000'000'000'000};
};

TEST_F(KeyStoreTest, OnlyWhatIsThereSigns) {
  const PrivateKey key = new_key();
  EXPECT_EQ(result(key.facts().name), ENOKEY);
  EXPECT_TRUE(store_.add(key, now_));
  EXPECT_EQ(result(key.facts().name), 0);
  EXPECT_EQ(result(KeyName{}), ENOKEY);
}

TEST_F(KeyStoreTest, WhatIsNotLoadedAgainGoesAfterAnHour) {
  const PrivateKey old = new_key();
  const PrivateKey kept = new_key();
  store_.add(old, now_);
  store_.add(kept, now_);
  const Instant reload = now_ + seconds(60);
  store_.add(kept, reload + seconds(1));
  store_.forget(reload, reload + seconds(2));
  store_.expire(reload + key_linger);
  EXPECT_EQ(result(old.facts().name), 0);
  store_.expire(reload + key_linger + seconds(2));
  EXPECT_EQ(result(old.facts().name), ENOKEY);
  EXPECT_EQ(result(kept.facts().name), 0);
}

TEST_F(KeyStoreTest, WhatComesBackStays) {
  const PrivateKey key = new_key();
  store_.add(key, now_);
  store_.forget(now_ + seconds(1), now_ + seconds(1));
  store_.add(key, now_ + seconds(2));
  store_.expire(now_ + key_linger + key_linger);
  EXPECT_EQ(result(key.facts().name), 0);
}

}  // namespace
}  // namespace ringpost::process
