// From `listen on` lines to addresses, on the interfaces that this machine has.
#include "engine/mta/listen_addresses.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "proto/conf/parse.h"

namespace ringpost::mta {
namespace {

ListenResolution resolve(const std::string& lines) {
  conf::ParseInput input{
      .path = "test.conf",
      .text = lines + "action \"a\" maildir \"/m\"\nmatch for any action \"a\"\n",
      .server_name = "mx.example.org",
      .macros = {}};
  conf::FileReader nothing = [](const std::string& path) -> std::expected<std::string, Fault> {
    return std::unexpected(Fault{"open", ENOENT, path});
  };
  const conf::ParseResult parsed = conf::parse(std::move(input), nothing);
  for (const auto& diagnostic : parsed.diagnostics) EXPECT_EQ(conf::to_text(diagnostic), "");
  return parsed.config ? resolve_listeners(*parsed.config) : ListenResolution{};
}

std::vector<std::string> texts(const ListenResolution& resolution) {
  std::vector<std::string> result;
  for (const ListenAddress& one : resolution.addresses) result.push_back(one.address.to_text());
  return result;
}

bool contains(const std::vector<std::string>& texts, std::string_view text) {
  return std::ranges::find(texts, text) != texts.end();
}

TEST(ListenAddressesTest, AnAddress) {
  const ListenResolution found =
      resolve("listen on 127.0.0.1 port 2525 tag in hostname relay.example.org\n");
  EXPECT_TRUE(found.errors.empty());
  ASSERT_EQ(found.addresses.size(), 1u);
  EXPECT_EQ(found.addresses[0].address.to_text(), "127.0.0.1:2525");
  EXPECT_EQ(found.addresses[0].server_name, "relay.example.org");
  EXPECT_EQ(found.addresses[0].tag, "in");
  EXPECT_EQ(found.addresses[0].interface_name, "127.0.0.1");
}

TEST(ListenAddressesTest, TheLocalSocketIsAlwaysThere) {
  const ListenAddress implied = resolve("listen on 127.0.0.1\n").local;
  EXPECT_TRUE(implied.is_socket);
  EXPECT_EQ(implied.server_name, "mx.example.org");
  EXPECT_EQ(implied.tag, "");
  const ListenResolution given = resolve("listen on socket tag HERE mask-src no-dsn\n");
  EXPECT_TRUE(given.local.masks_source);
  EXPECT_TRUE(given.local.withholds_dsn);
  EXPECT_EQ(given.local.tag, "HERE");
  EXPECT_TRUE(given.addresses.empty());
}

TEST(ListenAddressesTest, Proxies) {
  const ListenResolution found = resolve(
      "listen on 127.0.0.1\nlisten on 127.0.0.2 proxy-v2\n"
      "listen on 127.0.0.3 proxy-v2 from 192.0.2.0/24\n");
  ASSERT_EQ(found.addresses.size(), 3u);
  EXPECT_FALSE(found.addresses[0].behind_proxy);
  EXPECT_TRUE(found.addresses[1].behind_proxy);
  EXPECT_EQ(found.addresses[1].proxies, nullptr);
  EXPECT_TRUE(found.addresses[2].behind_proxy);
  EXPECT_NE(found.addresses[2].proxies, nullptr);
}

TEST(ListenAddressesTest, TheServerNameUnlessGiven) {
  const ListenResolution found = resolve("listen on 127.0.0.1\n");
  ASSERT_EQ(found.addresses.size(), 1u);
  EXPECT_EQ(found.addresses[0].server_name, "mx.example.org");
  EXPECT_EQ(found.addresses[0].address.port(), 25);
}

TEST(ListenAddressesTest, AnInterface) {
  const ListenResolution found = resolve("listen on lo port 2525\n");
  EXPECT_TRUE(found.errors.empty());
  EXPECT_TRUE(contains(texts(found), "127.0.0.1:2525"));
  const ListenResolution inet4 = resolve("listen on lo inet4 port 2525\n");
  for (const ListenAddress& one : inet4.addresses) EXPECT_EQ(one.address.family(), AF_INET);
}

TEST(ListenAddressesTest, All) {
  const ListenResolution found = resolve("listen on all port 2525\n");
  EXPECT_TRUE(found.errors.empty());
  EXPECT_TRUE(contains(texts(found), "0.0.0.0:2525"));
  EXPECT_LE(found.addresses.size(), 2u);
  EXPECT_EQ(texts(resolve("listen on all inet4 port 2525\n")),
            (std::vector<std::string>{"0.0.0.0:2525"}));
}

TEST(ListenAddressesTest, NamesByLocalAddress) {
  const ListenResolution found = resolve(
      "table names { \"127.0.0.2\" = \"two.example.org\", \"[::1]\" = \"six.example.org\" }\n"
      "listen on 127.0.0.1 hostnames <names>\n"
      "listen on 127.0.0.2 hostname one.example.org hostnames <names>\n"
      "listen on 127.0.0.3 hostname one.example.org hostnames <names>\n");
  ASSERT_EQ(found.addresses.size(), 3u);
  EXPECT_EQ(found.addresses[0].server_name, "mx.example.org");
  EXPECT_EQ(found.addresses[1].server_name, "two.example.org");
  EXPECT_EQ(found.addresses[2].server_name, "one.example.org");
}

TEST(ListenAddressesTest, NamesOfAListenerOnAllAddresses) {
  const ListenResolution found = resolve(
      "listen on all inet4 port 2525 hostname any.example.org hostnames { "
      "\"127.0.0.2\" = two.example.org, \"127.0.0.3\" = three.example.org, "
      "\"192.0.2.1\" = not-here.example.org, \"::1\" = other-family.example.org }\n"
      "listen on 127.0.0.3 port 2525 hostname own.example.org\n");
  EXPECT_EQ(texts(found),
            (std::vector<std::string>{"0.0.0.0:2525", "127.0.0.3:2525", "127.0.0.2:2525"}));
  ASSERT_EQ(found.addresses.size(), 3u);
  EXPECT_EQ(found.addresses[0].server_name, "any.example.org");
  EXPECT_EQ(found.addresses[1].server_name, "own.example.org");
  EXPECT_EQ(found.addresses[2].server_name, "two.example.org");
}

TEST(ListenAddressesTest, AHostName) {
  const ListenResolution found = resolve("listen on localhost inet4 port 2525\n");
  EXPECT_EQ(texts(found), (std::vector<std::string>{"127.0.0.1:2525"}));
}

TEST(ListenAddressesTest, SocketsAreNotAddresses) {
  const ListenResolution found = resolve("listen on socket\n");
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_TRUE(found.errors.empty());
}

TEST(ListenAddressesTest, EveryUnknownNameIsReportedWithItsLine) {
  const ListenResolution found =
      resolve("listen on lo0\nlisten on 127.0.0.1\nlisten on no-such-interface.invalid\n");
  EXPECT_EQ(found.addresses.size(), 1u);
  ASSERT_EQ(found.errors.size(), 2u);
  EXPECT_EQ(found.errors[0].file, "test.conf");
  EXPECT_EQ(found.errors[0].line, 1u);
  EXPECT_NE(found.errors[0].text.find("cannot listen on lo0"), std::string::npos);
  EXPECT_NE(found.errors[0].text.find("of Linux is lo)"), std::string::npos);
  EXPECT_EQ(found.errors[1].line, 3u);
  EXPECT_EQ(found.errors[1].text.find("of Linux"), std::string::npos);
}

TEST(ListenAddressesTest, AFamilyThatTheAddressDoesNotHave) {
  const ListenResolution found = resolve("listen on 127.0.0.1 inet6\n");
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_EQ(found.errors.size(), 1u);
}

TEST(ListenAddressesTest, TheMachineHasLoopback) {
  const auto addresses = interface_addresses();
  EXPECT_TRUE(std::ranges::any_of(
      addresses, [](const conf::NetAddress& one) { return conf::to_text(one) == "127.0.0.1"; }));
}

}  // namespace
}  // namespace ringpost::mta
