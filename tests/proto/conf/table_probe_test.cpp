// Probing finds a key exactly when a table in memory with that key alone would match.
#include "proto/conf/table_probe.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "proto/conf/net_address.h"

namespace ringpost::conf {
namespace {

using Keys = std::vector<std::string>;

TEST(TableProbe, Keys) {
  using enum TableService;
  EXPECT_EQ(probe_keys(Alias, "a.b@c.d", '+'), (Keys{"a.b@c.d"}));
  EXPECT_EQ(probe_keys(Domain, "mx.example.org", '+'),
            (Keys{"mx.example.org", "*.example.org", "*.org", "*"}));
  EXPECT_EQ(probe_keys(Domain, "", '+'), (Keys{"", "*"}));
  EXPECT_EQ(probe_keys(MailAddress, "", '+'), (Keys{"@"}));
  EXPECT_EQ(probe_keys(MailAddress, "u@x.y", '+'),
            (Keys{"@", "@x.y", "@*.y", "@*", "u", "u@x.y", "u@*.y", "u@*"}));
  EXPECT_EQ(probe_keys(MailAddress, "u+t@y", '+'),
            (Keys{"@", "@y", "@*", "u+t", "u+t@y", "u+t@*", "u", "u@y", "u@*"}));
  const Keys v4 = probe_keys(NetAddress, "192.0.2.7", '+');
  EXPECT_EQ(v4.size(), 34u);
  EXPECT_EQ(v4[0], "192.0.2.7");
  EXPECT_EQ(v4[1], "192.0.2.7/32");
  EXPECT_EQ(v4[9], "192.0.2.0/24");
  EXPECT_EQ(v4.back(), "0.0.0.0/0");
  const Keys v6 = probe_keys(NetAddress, "2001:db8::7", '+');
  EXPECT_TRUE(std::ranges::find(v6, "2001:db8::/32") != v6.end());
  EXPECT_TRUE(std::ranges::find(v6, "[2001:db8::]/32") != v6.end());
  EXPECT_TRUE(std::ranges::find(v6, "[2001:db8::7]") != v6.end());
  EXPECT_EQ(probe_keys(NetAddress, "local", '+'), (Keys{"local"}));
}

bool is_probed(TableService service, std::string_view question, const std::string& key) {
  const Keys keys = probe_keys(service, question, '+');
  return std::ranges::find(keys, key) != keys.end();
}

TEST(TableProbe, AgreesWithTablesInMemory) {
  const Keys parts{"a",   "b", "*",  "a.b",  "*.b",   "*.a.b",   "b.a.b", "u@a.b", "u+t@b", "u",
                   "u+t", "@", "@b", "@*.b", "u@*.b", "u+t@*.b", "u@*",   "@*",    "+t@b",  "+t"};
  const Keys questions{"a.b", "b.a.b", "b", "a"};
  for (const std::string& key : parts) {
    const TableRow row{.key = key};
    const Table table("t", TableKind::List, std::span(&row, 1));
    for (const std::string& domain : questions) {
      if (!key.contains('@'))
        EXPECT_EQ(is_probed(TableService::Domain, domain, key), table.matches_domain(domain))
            << key << " for " << domain;
      for (const std::string user : {"u", "u+t", "x", "+t"})
        EXPECT_EQ(is_probed(TableService::MailAddress, user + "@" + domain, key),
                  table.matches_mail_address(user, domain, '+'))
            << key << " for " << user << "@" << domain;
    }
  }
}

TEST(TableProbe, AgreesWithPrefixesInMemory) {
  std::mt19937 random(7);
  for (const std::string address : {"192.0.2.7", "10.255.0.1", "2001:db8::7", "::1"}) {
    for (int i = 0; i < 200; ++i) {
      const bool v6 = address.contains(':');
      const auto length = static_cast<std::uint8_t>(random() % (v6 ? 129 : 33));
      NetAddress network = *parse_net_address(address);
      if (i % 2 == 1) network = *parse_net_address(v6 ? "2001:db8:ffff::" : "10.0.0.0");
      const std::string key = to_text(masked(network, length)) + "/" + std::to_string(length);
      const TableRow row{.key = key};
      Table table("t", TableKind::List, std::span(&row, 1));
      table.index_addresses();
      EXPECT_EQ(is_probed(TableService::NetAddress, address, key),
                table.matches_address(*parse_net_address(address)))
          << key << " for " << address;
    }
  }
}

}  // namespace
}  // namespace ringpost::conf
