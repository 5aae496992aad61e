// The words of `protocols` and `ciphers`.
#include "engine/tls/settings.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

namespace ringpost::tls {
namespace {

std::string versions(std::string_view words) {
  const auto parsed = parse_protocols(words);
  if (!parsed) return parsed.error();
  return std::to_string(parsed->min - 0x0301) + std::to_string(parsed->max - 0x0301);
}

TEST(Settings, ProtocolsAreARange) {
  for (const char* both : {"", "secure", "default", "all", "TLSv1", "tlsv1.2:tlsv1.3",
                           "tlsv1.2, TLSv1.3", "tlsv1.1,tlsv1.2,tlsv1.3"})
    EXPECT_EQ(versions(both), "23") << both;
  EXPECT_EQ(versions("tlsv1.2"), "22");
  EXPECT_EQ(versions("tlsv1.3"), "33");
  EXPECT_EQ(versions("all,!tlsv1.2"), "33");
  EXPECT_EQ(versions("!tlsv1.3"), "22");
  EXPECT_EQ(versions("tlsv1.1"), "only TLSv1.2 and TLSv1.3 exist here");
  EXPECT_EQ(versions("tlsv1.2:sslv3"), "unknown protocol \"sslv3\"");
  EXPECT_EQ(versions("tlsv1.2,,"), "unknown protocol \"\"");
}

TEST(Settings, CiphersAlwaysHaveForwardSecrecy) {
  for (const char* words : {"", "default", "HIGH:!aNULL", "ALL", "ECDHE-RSA-AES128-GCM-SHA256",
                            "unknown:ECDHE-RSA-AES256-SHA:AES128-SHA"}) {
    const bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
    ASSERT_TRUE(set_ciphers(context.get(), words)) << words;
    const STACK_OF(SSL_CIPHER)* list = SSL_CTX_get_ciphers(context.get());
    EXPECT_GT(sk_SSL_CIPHER_num(list), 0u) << words;
    for (std::size_t i = 0; i < sk_SSL_CIPHER_num(list); ++i) {
      const std::string_view name = SSL_CIPHER_standard_name(sk_SSL_CIPHER_value(list, i));
      EXPECT_TRUE(name.contains("ECDHE")) << words << ": " << name;
    }
  }
  const bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  EXPECT_FALSE(set_ciphers(context.get(), "AES128-SHA"));
  EXPECT_FALSE(set_ciphers(context.get(), "nothing"));
}

}  // namespace
}  // namespace ringpost::tls
