// Address literals in one spelling.
#include <gtest/gtest.h>

#include "proto/smtp/path.h"

namespace ringpost::smtp {
namespace {

TEST(AddressLiteral, HasOneSpelling) {
  for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"[192.0.2.1]", "[192.0.2.1]"},
           {"[192.000.002.001]", "[192.0.2.1]"},
           {"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
           {"[ipv6:2001:0DB8:0:0:0:0:0:1]", "[IPv6:2001:db8::1]"},
           {"[IPv6:::]", "[IPv6:::]"},
           {"[IPv6:::1]", "[IPv6:::1]"},
           {"[IPv6:1::]", "[IPv6:1::]"},
           {"[IPv6:1:2:3:4:5:6:7:8]", "[IPv6:1:2:3:4:5:6:7:8]"},
           {"[IPv6:1:0:0:2:0:0:0:3]", "[IPv6:1:0:0:2::3]"},
           {"[IPv6:1:0:0:2:3:0:0:4]", "[IPv6:1::2:3:0:0:4]"},
           {"[IPv6:1:0:2:3:4:5:6:7]", "[IPv6:1:0:2:3:4:5:6:7]"},
           {"[IPv6:::ffff:192.0.2.1]", "[IPv6:::ffff:c000:201]"},
           {"[IPv6:1:2:3:4:5:6:192.0.2.1]", "[IPv6:1:2:3:4:5:6:c000:201]"}})
    EXPECT_EQ(parse_address_literal(text), expected) << text;
}

TEST(AddressLiteral, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "[]",
                           "[",
                           "]",
                           "192.0.2.1",
                           "[192.0.2]",
                           "[192.0.2.1.]",
                           "[192.0.2.256]",
                           "[192.0.2.0001]",
                           "[.0.2.1]",
                           "[192..2.1]",
                           "[-1.0.2.1]",
                           "[192.0.2.1",
                           "[IPv6:]",
                           "[IPv6::]",
                           "[IPv6:1]",
                           "[IPv6:1:2:3:4:5:6:7]",
                           "[IPv6:1:2:3:4:5:6:7:8:9]",
                           "[IPv6:1::2::3]",
                           "[IPv6::::]",
                           "[IPv6:1:2:3:4:5:6:7::8]",
                           "[IPv6:12345::]",
                           "[IPv6:g::]",
                           "[IPv6:1:]",
                           "[IPv6::1:2]",
                           "[IPv6:1:2:3:4:5:6:7:192.0.2.1]",
                           "[IPv6:192.0.2.1::]",
                           "[IPv6:::192.0.2]",
                           "[tag:content]",
                           "[2001:db8::1]",
                           "[IPv6:1::-2]"})
    EXPECT_FALSE(parse_address_literal(text)) << text;
}

}  // namespace
}  // namespace ringpost::smtp
