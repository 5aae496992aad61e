// Address: literals, what the kernel gives, and what is refused.
#include "engine/net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace ringpost::net {
namespace {

TEST(AddressTest, ReadsAndShowsLiterals) {
  const auto v4 = Address::parse("192.0.2.7", 25);
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->family(), AF_INET);
  EXPECT_EQ(v4->host(), "192.0.2.7");
  EXPECT_EQ(v4->to_text(), "192.0.2.7:25");
  EXPECT_EQ(v4->kernel_bytes(), sizeof(sockaddr_in));
  const auto v6 = Address::parse("2001:DB8::0:1", 2525);
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->family(), AF_INET6);
  EXPECT_EQ(v6->port(), 2525);
  EXPECT_EQ(v6->to_text(), "[2001:db8::1]:2525");
  EXPECT_EQ(v6->kernel_bytes(), sizeof(sockaddr_in6));
}

TEST(AddressTest, RefusesWhatIsNoLiteral) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "localhost"sv, "127.0.0.1:25"sv, "[::1]"sv, "127.0.0"sv, "127.0.0.1 "sv, "::1%lo"sv,
        "127.0.0.1\0"sv, "::1\0x"sv, "256.0.0.1"sv})
    EXPECT_FALSE(Address::parse(text, 1).has_value()) << text;
  EXPECT_FALSE(Address::parse(std::string(1'000'000, '1'), 1).has_value());
  EXPECT_TRUE(Address::parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 1).has_value());
}

TEST(AddressTest, KnowsLoopback) {
  EXPECT_TRUE(Address::parse("127.9.9.9", 1)->is_loopback());
  EXPECT_TRUE(Address::parse("::1", 1)->is_loopback());
  EXPECT_FALSE(Address::parse("128.0.0.1", 1)->is_loopback());
  EXPECT_FALSE(Address::parse("::2", 1)->is_loopback());
  EXPECT_FALSE(Address().is_loopback());
}

TEST(AddressTest, TakesWhatTheKernelGives) {
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(77);
  ASSERT_EQ(inet_pton(AF_INET6, "::ffff:198.51.100.3", &mapped.sin6_addr), 1);
  const auto address = Address::from_kernel(&mapped, sizeof mapped);
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->family(), AF_INET);
  EXPECT_EQ(address->to_text(), "198.51.100.3:77");

  const auto v4 = Address::parse("192.0.2.7", 25);
  EXPECT_EQ(Address::from_kernel(v4->kernel(), v4->kernel_bytes())->to_text(), "192.0.2.7:25");
  const auto v6 = Address::parse("2001:db8::1", 25);
  EXPECT_EQ(Address::from_kernel(v6->kernel(), v6->kernel_bytes())->to_text(), "[2001:db8::1]:25");
}

TEST(AddressTest, RefusesWhatIsCutShortOrOfAnotherFamily) {
  const auto v6 = Address::parse("2001:db8::1", 25);
  for (socklen_t length = 0; length < sizeof(sockaddr_in6); ++length)
    EXPECT_FALSE(Address::from_kernel(v6->kernel(), length).has_value()) << length;
  const auto v4 = Address::parse("192.0.2.7", 25);
  for (socklen_t length = 0; length < sizeof(sockaddr_in); ++length)
    EXPECT_FALSE(Address::from_kernel(v4->kernel(), length).has_value()) << length;
  sockaddr_storage local{};
  local.ss_family = AF_UNIX;
  EXPECT_FALSE(Address::from_kernel(&local, 28).has_value());
  EXPECT_FALSE(Address::from_kernel(&local, sizeof local).has_value());
}

TEST(SocketPath, TakesWhatTheKernelTakes) {
  EXPECT_TRUE(SocketPath::parse("/run/lmtp"));
  EXPECT_TRUE(SocketPath::parse(std::string(107, 's')));
  EXPECT_FALSE(SocketPath::parse(std::string(108, 's')));
  EXPECT_FALSE(SocketPath::parse(""));
  EXPECT_FALSE(SocketPath::parse(std::string_view("/run\0x", 6)));
  EXPECT_EQ(SocketPath::parse("/run/lmtp")->kernel()->sa_family, AF_UNIX);
}

}  // namespace
}  // namespace ringpost::net
