// Keys out of files: which are taken, what is said of the others, and that what they sign verifies.
#include "engine/process/key_file.h"

#include <cerrno>

#include <openssl/sha.h>

#include "tests/engine/process/key_fixture.h"
#include "tests/engine/support.h"

namespace ringpost::process {
namespace {

class KeyFileTest : public testing::Test {
 protected:
  std::string error_of(const std::string& pem, mode_t mode = 0600) {
    const auto key = PrivateKey::open(test::write_key(path_, pem, mode));
    return key ? "" : key.error();
  }
  test::TemporaryDirectory folder_;
  std::string path_ = folder_.file("key");
};

struct Signing {
  std::uint16_t scheme;
  KeyKind kind;
  const EVP_MD* (*digest)();
  bool pss;
};

TEST_F(KeyFileTest, WhatIsSignedVerifies) {
  const auto rsa = test::new_rsa_key();
  const auto ec = test::new_ec_key();
  const auto ed = test::new_ed25519_key();
  for (const Signing& one : {Signing{0x0401, KeyKind::Rsa, EVP_sha256, false},
                             Signing{0x0501, KeyKind::Rsa, EVP_sha384, false},
                             Signing{0x0601, KeyKind::Rsa, EVP_sha512, false},
                             Signing{0x0804, KeyKind::Rsa, EVP_sha256, true},
                             Signing{0x0805, KeyKind::Rsa, EVP_sha384, true},
                             Signing{0x0806, KeyKind::Rsa, EVP_sha512, true},
                             Signing{0x0403, KeyKind::Ecdsa, EVP_sha256, false},
                             Signing{0x0503, KeyKind::Ecdsa, EVP_sha384, false},
                             Signing{0x0807, KeyKind::Ed25519, nullptr, false}}) {
    EVP_PKEY* const made = one.kind == KeyKind::Rsa     ? rsa.get()
                           : one.kind == KeyKind::Ecdsa ? ec.get()
                                                        : ed.get();
    const auto key = PrivateKey::open(test::write_key(path_, test::pem_of(made)));
    ASSERT_TRUE(key) << key.error();
    EXPECT_EQ(key->facts().kind, one.kind);
    EXPECT_EQ(key->facts().bits, one.kind == KeyKind::Rsa ? EVP_PKEY_bits(made) : 0);
    const auto signature = key->sign(one.scheme, bytes_of("octets"));
    ASSERT_TRUE(signature) << one.scheme;
    const EVP_MD* const digest = one.digest != nullptr ? one.digest() : nullptr;
    EXPECT_TRUE(test::verifies(made, digest, one.pss, "octets", *signature)) << one.scheme;
    EXPECT_FALSE(test::verifies(made, digest, one.pss, "others", *signature)) << one.scheme;
    EXPECT_EQ(key->sign(0x9999, {}).error(), EINVAL);
    EXPECT_EQ(key->sign(one.kind == KeyKind::Rsa ? 0x0403 : 0x0401, {}).error(), EINVAL);
  }
}

// What signs mail gets digests. Ed25519 signs any octets.
TEST_F(KeyFileTest, ADigestIsSigned) {
  const auto rsa = test::new_rsa_key();
  const auto ec = test::new_ec_key();
  std::array<std::byte, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const std::uint8_t*>("octets"), 6,
         reinterpret_cast<std::uint8_t*>(digest.data()));
  const auto key = PrivateKey::open(test::write_key(path_, test::pem_of(rsa.get())));
  ASSERT_TRUE(key) << key.error();
  const auto signature = key->sign(rsa_sha256_digest_scheme, digest);
  ASSERT_TRUE(signature);
  EXPECT_TRUE(test::verifies(rsa.get(), EVP_sha256(), false, "octets", *signature));
  EXPECT_EQ(key->sign(rsa_sha256_digest_scheme, bytes_of("no digest")).error(), EINVAL);
  const auto other = PrivateKey::open(test::write_key(path_, test::pem_of(ec.get())));
  ASSERT_TRUE(other) << other.error();
  EXPECT_EQ(other->sign(rsa_sha256_digest_scheme, digest).error(), EINVAL);
}

// The parameters of a curve before the key, and the older forms of both kinds.
TEST_F(KeyFileTest, TraditionalForms) {
  const auto rsa = test::new_rsa_key();
  const auto ec = test::new_ec_key(NID_secp384r1);
  const bssl::UniquePtr<BIO> target(BIO_new(BIO_s_mem()));
  PEM_write_bio_RSAPrivateKey(target.get(), EVP_PKEY_get0_RSA(rsa.get()), nullptr, nullptr, 0,
                              nullptr, nullptr);
  const std::uint8_t* octets = nullptr;
  std::size_t length = 0;
  BIO_mem_contents(target.get(), &octets, &length);
  EXPECT_EQ(error_of({reinterpret_cast<const char*>(octets), length}), "");
  const bssl::UniquePtr<BIO> other(BIO_new(BIO_s_mem()));
  PEM_write_bio_ECPrivateKey(other.get(), EVP_PKEY_get0_EC_KEY(ec.get()), nullptr, nullptr, 0,
                             nullptr, nullptr);
  BIO_mem_contents(other.get(), &octets, &length);
  const std::string parameters =
      "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n";
  EXPECT_EQ(error_of(parameters + std::string(reinterpret_cast<const char*>(octets), length)), "");
}

// A certificate of the key has the same name.
TEST_F(KeyFileTest, TheNameIsTheDigestOfThePublicHalf) {
  const auto made = test::new_ec_key();
  const auto key = PrivateKey::open(test::write_key(path_, test::pem_of(made.get())));
  ASSERT_TRUE(key);
  std::uint8_t* octets = nullptr;
  const int length = i2d_PUBKEY(made.get(), &octets);
  ASSERT_GT(length, 0);
  KeyName name;
  SHA256(octets, static_cast<std::size_t>(length), reinterpret_cast<std::uint8_t*>(name.data()));
  OPENSSL_free(octets);
  EXPECT_EQ(key->facts().name, name);
}

TEST_F(KeyFileTest, WhoMayReadIt) {
  const std::string pem = test::pem_of(test::new_ec_key().get());
  for (const mode_t mode : {0600u, 0400u, 0640u, 0440u}) EXPECT_EQ(error_of(pem, mode), "") << mode;
  for (const mode_t mode : {0604u, 0644u, 0660u, 0602u, 0601u, 0666u}) {
    const std::string error = error_of(pem, mode);
    EXPECT_TRUE(error.starts_with(path_ + ": mode 0" + fmt::format("{:o}", mode) + " gives others"))
        << error;
  }
}

// 0640 is for a group of which somebody has thought.
TEST_F(KeyFileTest, WhoseGroupMayReadIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files to any group";
  constexpr gid_t holder = 20001;
  constexpr gid_t other = 20002;
  const std::string pem = test::pem_of(test::new_ec_key().get());
  for (const gid_t owner : {gid_t{0}, holder, other})
    for (const mode_t mode : {0600u, 0640u, 0440u}) {
      test::write_key(path_, pem, mode);
      ASSERT_EQ(chown(path_.c_str(), 0, owner), 0);
      const auto key = PrivateKey::open(path_, key_readers(holder));
      EXPECT_EQ(key.has_value(), owner != other || mode == 0600u) << owner << ' ' << mode;
      if (!key) {
        EXPECT_TRUE(key.error().contains(" lets all members of the group 20002 read"))
            << key.error();
      }
    }
}

TEST_F(KeyFileTest, WhatIsNoKey) {
  const std::string good = test::pem_of(test::new_ec_key().get());
  EXPECT_EQ(error_of(""), path_ + ": there is no private key (PEM) in this file");
  EXPECT_EQ(error_of("-----BEGIN CERTIFICATE-----\n"),
            path_ + ": there is no private key (PEM) in this file");
  EXPECT_EQ(error_of(good.substr(0, good.size() / 2)),
            path_ + ": the private key cannot be understood");
  EXPECT_EQ(error_of("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                     "-----END ENCRYPTED PRIVATE KEY-----\n"),
            path_ + ": the private key needs a passphrase: remove it");
  EXPECT_EQ(error_of(std::string(70'000, 'x')), path_ + ": too long for a private key");
  EXPECT_EQ(error_of(test::pem_of(test::new_rsa_key(512).get())),
            path_ + ": RSA keys must have 1024 to 16384 bits");
  const auto folder = PrivateKey::open(folder_.path());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error(), folder_.path() + ": a private key must be a plain file");
  EXPECT_FALSE(PrivateKey::open(folder_.file("none")));
}

}  // namespace
}  // namespace ringpost::process
