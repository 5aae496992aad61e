// resolv.conf(5) as we take it, and addresses of servers.
#include "proto/dns/settings.h"

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

ServerAddress server(std::string_view address, std::uint16_t port = 53, bool trusted = false) {
  return {.address = *conf::parse_net_address(address), .port = port, .trusted = trusted};
}

TEST(DnsSettings, TakesServersWithAndWithoutAPort) {
  EXPECT_EQ(parse_server("192.0.2.1"), server("192.0.2.1"));
  EXPECT_EQ(parse_server("192.0.2.1:5353"), server("192.0.2.1", 5353));
  EXPECT_EQ(parse_server("2001:db8::1"), server("2001:db8::1"));
  EXPECT_EQ(parse_server("[2001:db8::1]:5353"), server("2001:db8::1", 5353));
  EXPECT_EQ(parse_server("[2001:db8::1]"), server("2001:db8::1"));
}

TEST(DnsSettings, TrustsServersOfThisMachine) {
  EXPECT_EQ(parse_server("127.0.0.53"), server("127.0.0.53", 53, true));
  EXPECT_EQ(parse_server("::1"), server("::1", 53, true));
  EXPECT_EQ(parse_server("[::1]:5353"), server("::1", 5353, true));
}

TEST(DnsSettings, RefusesWhatIsNoServer) {
  for (const char* text : {"", "localhost", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
                           "192.0.2.1:5x", ":53", "192.0.2", "[2001:db8::1]5353"})
    EXPECT_FALSE(parse_server(text)) << text;
}

TEST(DnsSettings, ReadsResolvConf) {
  const ResolverSettings settings = parse_resolv_conf(
      "# by hand\n; as well\nsearch example.com\nnameserver 192.0.2.1\n"
      "nameserver\t2001:db8::1 # first\r\nnameserver nonsense\nnameserver fe80::1%eth0\n"
      "options edns0 timeout:3 attempts:4 rotate\nnameserver 127.0.0.1");
  EXPECT_EQ(settings.servers, (std::vector{server("192.0.2.1"), server("2001:db8::1"),
                                           server("127.0.0.1", 53, true)}));
  EXPECT_EQ(settings.timeout, seconds(3));
  EXPECT_EQ(settings.attempts, 4u);
}

TEST(DnsSettings, TheLastSearchListCounts) {
  EXPECT_EQ(parse_resolv_conf("search a.test b.test\ndomain Example.COM\n").search,
            std::vector<std::string>{"example.com"});
  EXPECT_EQ(parse_resolv_conf("search . a.test. x..y b.test\n").search,
            (std::vector<std::string>{"a.test", "b.test"}));
  EXPECT_EQ(parse_resolv_conf("search a b c d e f g h").search.size(), search_domains_max);
}

TEST(DnsSettings, TrustsWhomResolvConfTrusts) {
  const ResolverSettings settings = parse_resolv_conf("options trust-ad\nnameserver 192.0.2.1\n");
  EXPECT_EQ(settings.servers, std::vector{server("192.0.2.1", 53, true)});
}

TEST(DnsSettings, AsksThisMachineWhenNobodyIsNamed) {
  for (const char* text : {"", "\n\n", "search example.com\n", "nameserver\n"}) {
    const ResolverSettings settings = parse_resolv_conf(text);
    EXPECT_EQ(settings.servers, std::vector{server("127.0.0.1", 53, true)}) << text;
    EXPECT_EQ(settings.timeout, seconds(2));
    EXPECT_EQ(settings.attempts, 2u);
  }
}

TEST(DnsSettings, KeepsItsBounds) {
  std::string text = "options timeout:0 attempts:0\n";
  for (int i = 1; i <= 20; ++i) text += "nameserver 192.0.2." + std::to_string(i) + "\n";
  ResolverSettings settings = parse_resolv_conf(text);
  EXPECT_EQ(settings.servers.size(), servers_max);
  EXPECT_EQ(settings.timeout, seconds(1));
  EXPECT_EQ(settings.attempts, 1u);
  settings = parse_resolv_conf("options timeout:999 attempts:999 timeout:x\n");
  EXPECT_EQ(settings.timeout, seconds(30));
  EXPECT_EQ(settings.attempts, 5u);
}

}  // namespace
}  // namespace ringpost::dns
