// Hosts of relays.
#include "proto/conf/relay_host.h"

#include <gtest/gtest.h>

namespace ringpost::conf {
namespace {

struct Case {
  const char* text;
  RelayProtocol protocol;
  const char* label;
  const char* host;
  std::uint16_t port;
};

TEST(RelayHost, ProtocolLabelHostAndPort) {
  using enum RelayProtocol;
  for (const Case& c : {Case{"mx.example.org", Smtp, "", "mx.example.org", 25},
                        Case{"mx.example.org:2525", Smtp, "", "mx.example.org", 2525},
                        Case{"smtp://mx.example.org", Smtp, "", "mx.example.org", 25},
                        Case{"SMTP+TLS://label@mx:587", SmtpStartTls, "label", "mx", 587},
                        Case{"smtp+notls://[192.0.2.1]", SmtpPlain, "", "192.0.2.1", 25},
                        Case{"smtps://l@[IPv6:2001:db8::1]", Smtps, "l", "2001:db8::1", 465},
                        Case{"lmtp://[::1]:24", Lmtp, "", "::1", 24}}) {
    const auto host = parse_relay_host(c.text);
    ASSERT_TRUE(host) << c.text;
    EXPECT_EQ(host->protocol, c.protocol) << c.text;
    EXPECT_EQ(host->label, c.label) << c.text;
    EXPECT_EQ(host->host, c.host) << c.text;
    EXPECT_EQ(host->port, c.port) << c.text;
  }
}

TEST(RelayHost, AnythingElseIsNone) {
  for (const char* text :
       {"", "smtp://", "http://x", "lmtp://x", "smtp://@x", "smtp://a@", "x:0", "x:65536", "x:25x",
        "x:", "a b", "smtp://x/y", "[::1", "[]", "[::1]x", "x:1:2", "label@x"})
    EXPECT_FALSE(parse_relay_host(text)) << text;
  EXPECT_FALSE(parse_relay_host(std::string(256, 'x')));
}

TEST(SenderPattern, AnAddressOrAPartOfOne) {
  struct SenderCase {
    const char* text;
    const char* local;
    const char* domain;
  };
  for (const SenderCase& c :
       {SenderCase{"a.b@Example.Org", "a.b", "example.org"},
        SenderCase{"\"a b\"@x.test", "a b", "x.test"},
        SenderCase{"@Example.org", "", "example.org"}, SenderCase{"bounces", "bounces", ""}}) {
    const auto pattern = parse_sender_pattern(c.text);
    ASSERT_TRUE(pattern) << c.text;
    EXPECT_EQ(pattern->local, c.local) << c.text;
    EXPECT_EQ(pattern->domain, c.domain) << c.text;
  }
  for (const char* text : {"", "@", "a b", "a@", "a@b@c", "a@x\r\nRSET", "<a@b>"})
    EXPECT_FALSE(parse_sender_pattern(text)) << text;
}

}  // namespace
}  // namespace ringpost::conf
