// Private keys for tests: made anew, written as PEM, and their public halves to verify with.
#pragma once

#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/curve25519.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include "proto/base/bytes.h"

namespace ringpost::test {

inline bssl::UniquePtr<EVP_PKEY> new_rsa_key(int bits = 2048) {
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  BN_set_word(exponent.get(), RSA_F4);
  EXPECT_EQ(RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr), 1);
  EVP_PKEY_assign_RSA(key.get(), rsa.release());
  return key;
}

inline bssl::UniquePtr<EVP_PKEY> new_ec_key(int curve = NID_X9_62_prime256v1) {
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
  EXPECT_EQ(EC_KEY_generate_key(ec.get()), 1);
  EVP_PKEY_assign_EC_KEY(key.get(), ec.release());
  return key;
}

inline bssl::UniquePtr<EVP_PKEY> new_ed25519_key() {
  std::uint8_t open[32];
  std::uint8_t secret[64];
  ED25519_keypair(open, secret);
  return bssl::UniquePtr<EVP_PKEY>(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret, 32));
}

// PKCS#8.
inline std::string pem_of(EVP_PKEY* key) {
  const bssl::UniquePtr<BIO> target(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(target.get(), key, nullptr, nullptr, 0, nullptr, nullptr),
            1);
  const std::uint8_t* octets = nullptr;
  std::size_t length = 0;
  BIO_mem_contents(target.get(), &octets, &length);
  return {reinterpret_cast<const char*>(octets), length};
}

inline std::string write_key(const std::string& path, const std::string& pem, mode_t mode = 0600) {
  std::ofstream(path) << pem;
  EXPECT_EQ(chmod(path.c_str(), mode), 0);
  return path;
}

inline bool verifies(EVP_PKEY* key, const EVP_MD* digest, bool pss, std::string_view input,
                     std::string_view signature) {
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* of_key = nullptr;
  if (EVP_DigestVerifyInit(context.get(), &of_key, digest, nullptr, key) != 1) return false;
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, -1) != 1))
    return false;
  return EVP_DigestVerify(context.get(), reinterpret_cast<const std::uint8_t*>(signature.data()),
                          signature.size(), reinterpret_cast<const std::uint8_t*>(input.data()),
                          input.size()) == 1;
}

}  // namespace ringpost::test
