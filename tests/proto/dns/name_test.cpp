// Names: RFC 1035 text and wire forms, compression and its abuses, reverse names.
#include "proto/dns/name.h"

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

std::string wire_of(std::string_view text) {
  const auto name = Name::parse(text);
  return name ? name->wire() : "none";
}

std::string text_of_wire(std::string_view wire) {
  std::size_t at = 0;
  const auto name = Name::read(bytes_of(wire), at);
  return name ? name->text() + " " + std::to_string(at) : "none";
}

using namespace std::string_literals;
using namespace std::string_view_literals;

TEST(DnsName, HasOneWireForm) {
  EXPECT_EQ(wire_of("mail.Example.COM"), "\4mail\7example\3com\0"s);
  EXPECT_EQ(wire_of("mail.example.com."), "\4mail\7example\3com\0"s);
  EXPECT_EQ(wire_of("."), "\0"s);
  EXPECT_EQ(wire_of("a\\.b.c"), "\3a.b\1c\0"s);
  EXPECT_EQ(wire_of("\\000\\255\\\\"), "\3\0\xff\\\0"s);
}

TEST(DnsName, IsWrittenAsItIsRead) {
  for (const std::string_view text :
       {"mail.example.com", ".", "a\\.b.c", "\\000\\255\\\\.x", "_25._tcp.mx.example", "a\\032b"}) {
    const auto name = Name::parse(text);
    ASSERT_TRUE(name) << text;
    EXPECT_EQ(name->text(), text);
  }
}

TEST(DnsName, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "..", ".a", "a..b", "a.b..", "a\\", "a\\25", "a\\256", "a\\2x5"})
    EXPECT_EQ(wire_of(text), "none") << text;
}

TEST(DnsName, KeepsItsLengths) {
  const std::string label(63, 'a');
  EXPECT_NE(wire_of(label), "none");
  EXPECT_EQ(wire_of(label + "a"), "none");
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  EXPECT_EQ(wire_of(longest).size(), name_octets_max);
  EXPECT_EQ(wire_of(longest + "b"), "none");
}

TEST(DnsName, FollowsPointersBackwards) {
  const auto message = "\3com\0\7example\xc0\x00\4mail\xc0\x05"sv;
  std::size_t at = 15;
  const auto name = Name::read(bytes_of(message), at);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->text(), "mail.example.com");
  EXPECT_EQ(at, message.size());
}

TEST(DnsName, EndsWhereItEnds) {
  EXPECT_EQ(text_of_wire("\1a\1B\0rest"sv), "a.b 5");
  EXPECT_EQ(text_of_wire("\0"sv), ". 1");
}

TEST(DnsName, GoesAroundInNoLoop) {
  EXPECT_EQ(text_of_wire("\xc0\x00"sv), "none");       // to itself
  EXPECT_EQ(text_of_wire("\1a\xc0\x00"sv), "none");    // to where the part began
  EXPECT_EQ(text_of_wire("\1a\xc0\x02"sv), "none");    // to the pointer
  EXPECT_EQ(text_of_wire("\xc0\x02\1a\0"sv), "none");  // forwards
  EXPECT_EQ(text_of_wire("\1a\xc0"sv), "none");        // half a pointer
  EXPECT_EQ(text_of_wire("\1a"sv), "none");            // no end
  EXPECT_EQ(text_of_wire("\5ab"sv), "none");           // half a label
  EXPECT_EQ(text_of_wire("\x41xxxx"sv), "none");       // RFC 6891 5: no such labels any more
  EXPECT_EQ(text_of_wire(std::string_view()), "none");
}

TEST(DnsName, FollowsABoundedNumberOfPointers) {
  std::string message("\0\0", 2);
  const auto chain = [&](std::size_t pointers) {
    message.resize(2);
    for (std::size_t i = 0; i < pointers; ++i) {
      const std::size_t target = i == 0 ? 0 : message.size() - 2;
      message += static_cast<char>(0xc0 | target >> 8);
      message += static_cast<char>(target & 0xff);
    }
    std::size_t at = message.size() - 2;
    return Name::read(bytes_of(message), at).has_value();
  };
  EXPECT_TRUE(chain(pointers_max));
  EXPECT_FALSE(chain(pointers_max + 1));
}

TEST(DnsName, TurnsAddressesAround) {
  const auto reversed = [](std::string_view address) {
    return Name::reverse_of(*conf::parse_net_address(address)).text();
  };
  EXPECT_EQ(reversed("192.0.2.1"), "1.2.0.192.in-addr.arpa");
  EXPECT_EQ(reversed("2001:db8::567:89ab"),
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST(DnsName, KnowsWhatMayStandInALogLine) {
  EXPECT_TRUE(Name::parse("Mail-1._x.example.com")->is_plain());
  EXPECT_FALSE(Name::parse(".")->is_plain());
  EXPECT_FALSE(Name::parse("a b.example")->is_plain());
  EXPECT_FALSE(Name::parse("a\\.b.example")->is_plain());
  EXPECT_FALSE(Name::parse("x\\013\\010y")->is_plain());
}

}  // namespace
}  // namespace ringpost::dns
