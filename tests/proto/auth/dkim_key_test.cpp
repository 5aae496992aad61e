// Key records: what they say.
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

}  // namespace
}  // namespace ringpost::auth
