// Addresses: the forms of RFC 4291 and RFC 5952, and what is none.
#include "proto/conf/net_address.h"

#include <gtest/gtest.h>

namespace ringpost::conf {
namespace {

TEST(NetAddress, ReadsAndPrints) {
  const std::pair<const char*, const char*> cases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"[192.0.2.1]", "192.0.2.1"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"[IPv6:::1]", "::1"},
      {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"::ffff:192.0.2.1", "::ffff:c000:201"},
      {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
  };
  for (const auto& [text, printed] : cases) {
    const auto address = parse_net_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_text(*address), printed);
    EXPECT_EQ(parse_net_address(to_text(*address)), address) << text;
  }
}

TEST(NetAddress, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "1.2.3.",
                           "1..2.3",
                           "a.b.c.d",
                           "1.2.3.-4",
                           ":",
                           ":::",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "12345::",
                           "::g",
                           "1:",
                           ":1",
                           "::1%lo",
                           "[::1",
                           "1.2.3.4::",
                           "::1.2.3",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "1:2:3:4:5:6:7::8",
                           "example.org"}) {
    EXPECT_FALSE(parse_net_address(text)) << text;
  }
}

TEST(NetAddress, Prefixes) {
  const auto prefix = parse_net_prefix("192.0.2.129/25");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(to_text(prefix->address), "192.0.2.128");
  EXPECT_EQ(prefix->length, 25);
  EXPECT_EQ(parse_net_prefix("2001:db8::1")->length, 128);
  EXPECT_EQ(to_text(parse_net_prefix("2001:db8:ffff::/33")->address), "2001:db8:8000::");
  EXPECT_EQ(parse_net_prefix("0.0.0.0/0")->length, 0);
  for (const char* text : {"1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/x", "1.2.3/8", "/8"}) {
    EXPECT_FALSE(parse_net_prefix(text)) << text;
  }
}

TEST(NetAddress, MappedAddressesBecomeInet4) {
  EXPECT_EQ(to_text(unmapped(*parse_net_address("::ffff:192.0.2.7"))), "192.0.2.7");
  EXPECT_EQ(to_text(unmapped(*parse_net_address("2001:db8::7"))), "2001:db8::7");
  EXPECT_EQ(to_text(unmapped(*parse_net_address("192.0.2.7"))), "192.0.2.7");
}

}  // namespace
}  // namespace ringpost::conf
