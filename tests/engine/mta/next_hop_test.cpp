// Where mail may go from here.
#include "engine/mta/next_hop.h"

#include <set>

#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

TEST(NextHop, HostsPortsAndSockets) {
  const auto plain = NextHop::of_lmtp("localhost:24");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "localhost");
  EXPECT_EQ(plain->port, 24);
  EXPECT_FALSE(plain->socket);
  EXPECT_EQ(NextHop::of_lmtp("mail.example.org")->port, 25);
  EXPECT_EQ(NextHop::of_lmtp("[::1]:2424")->host, "::1");
  EXPECT_EQ(NextHop::of_lmtp("[IPv6:2001:db8::1]")->host, "2001:db8::1");
  EXPECT_EQ(NextHop::of_lmtp("192.0.2.1:24")->host, "192.0.2.1");
  EXPECT_TRUE(NextHop::of_lmtp("/var/run/lmtp")->socket);
}

TEST(NextHop, AnythingElseIsNone) {
  for (const char* text : {"", ":24", "host:", "host:0", "host:65536", "host:24x", "host:a:b",
                           "[::1", "[::1]24", "[name]:24", "[]:24"})
    EXPECT_FALSE(NextHop::of_lmtp(text)) << text;
  EXPECT_FALSE(NextHop::of_lmtp("/" + std::string(200, 'x')));
}

conf::Table hosts(std::initializer_list<const char*> texts) {
  std::vector<conf::TableRow> rows;
  for (const char* text : texts) rows.push_back({.key = text});
  return conf::Table("hosts", conf::TableKind::List, rows);
}

TEST(NextHop, HostsOfARelayAreTakenInTurns) {
  const conf::Table table = hosts({"smtp://a.test", "lmtp://[::1]:24", "smtps://c.test"});
  conf::Action action;
  action.method = conf::Method::Relay;
  action.relay.hosts = &table;
  action.relay.helo = "us.test";
  store::Recipient recipient;
  recipient.final_address = "x@y.test";
  std::set<std::string> names;
  for (unsigned attempts = 0; attempts < 3; ++attempts) {
    const auto next = next_hop_of(action, recipient, attempts);
    if (next) EXPECT_EQ(next->hello, "us.test");
    names.insert(next ? next->name : "none");
  }
  EXPECT_EQ(names, (std::set<std::string>{"a.test:25", "[::1]:24", "c.test:465"}));
  recipient.target = "|command";
  EXPECT_FALSE(next_hop_of(action, recipient, 0));
}

TEST(NextHop, IsEncryptedAsItsProtocolAndItsActionSay) {
  conf::Action action;
  action.name = "out";
  action.method = conf::Method::Relay;
  store::Recipient recipient;
  recipient.final_address = "x@y.test";
  const auto of = [&](const char* host) {
    const conf::Table table = hosts({host});
    action.relay.hosts = &table;
    const auto next = next_hop_of(action, recipient, 0);
    return next ? std::pair(next->tls, next->key()) : std::pair(OutgoingTls::Never, std::string());
  };
  using enum OutgoingTls;
  EXPECT_EQ(of("smtp://a.test"), std::pair(WhenOffered, std::string("a.test:25")));
  EXPECT_EQ(of("smtp+tls://a.test"), std::pair(Required, std::string("a.test:25 tls")));
  EXPECT_EQ(of("smtp+notls://a.test"), std::pair(Never, std::string("a.test:25 notls")));
  EXPECT_EQ(of("smtps://a.test"), std::pair(Implicit, std::string("a.test:465 smtps")));
  EXPECT_EQ(of("lmtp://a.test:24"), std::pair(Never, std::string("lmtp:a.test:24")));
  // A password is for a server that is encrypted with.
  EXPECT_EQ(of("smtp://hub@a.test"), std::pair(Required, std::string("a.test:25 tls login=hub")));
  EXPECT_EQ(NextHop::host_of_key("a.test:25 tls login=hub"), "a.test");
  action.relay.tls_required = true;
  EXPECT_EQ(of("smtp://a.test"), std::pair(Required, std::string("a.test:25 tls as out")));
  EXPECT_EQ(of("smtp+notls://a.test").first, Required);
  EXPECT_EQ(of("smtps://a.test").first, Implicit);
  action.relay.hosts = nullptr;
  EXPECT_EQ(next_hop_of(action, recipient, 0)->tls, Required);
}

TEST(NextHop, ADomainHasMailExchangersButALiteralHasNone) {
  conf::Action action;
  action.method = conf::Method::Relay;
  store::Recipient recipient;
  recipient.final_address = "x@Example.Test";
  const auto next = next_hop_of(action, recipient, 0);
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->by_mx);
  EXPECT_EQ(next->key(), "example.test");
  for (const char* address : {"x@[192.0.2.1]", "postmaster", ""}) {
    recipient.final_address = address;
    EXPECT_FALSE(next_hop_of(action, recipient, 0)) << address;
  }
}

TEST(NextHop, DomainsHaveHostsOfTheirOwn) {
  const conf::TableRow rows[] = {
      {.key = "a.test", .value = "smtp://hub.test:2525"},
      {.key = "b.test", .value = "not a host"},
      {.key = "[192.0.2.1]", .value = "lmtp://[192.0.2.1]:24"},
  };
  const conf::Table table("routes", conf::TableKind::Map, rows);
  conf::Action action;
  action.method = conf::Method::Relay;
  action.relay.domains = &table;
  store::Recipient recipient;
  recipient.final_address = "x@A.test";
  EXPECT_EQ(next_hop_of(action, recipient, 3)->name, "hub.test:2525");
  recipient.final_address = "x@[192.0.2.1]";
  EXPECT_EQ(next_hop_of(action, recipient, 0)->name, "[192.0.2.1]:24");
  recipient.final_address = "x@b.test";
  EXPECT_FALSE(next_hop_of(action, recipient, 0));
  EXPECT_EQ(why_no_next_hop(action, recipient),
            "table \"routes\" names a host that cannot be used: not a host");
  recipient.final_address = "x@c.test";
  EXPECT_FALSE(next_hop_of(action, recipient, 0));
  EXPECT_EQ(why_no_next_hop(action, recipient), "table \"routes\" has no host for c.test");
}

TEST(NextHop, AnEmptyTableIsNamed) {
  const conf::Table table = hosts({});
  conf::Action action;
  action.method = conf::Method::Relay;
  store::Recipient literal;
  literal.final_address = "x@[::1]";
  EXPECT_EQ(why_no_next_hop(action, literal), "x@[::1] has no domain with mail exchangers");
  action.relay.hosts = &table;
  EXPECT_FALSE(next_hop_of(action, {}, 0));
  EXPECT_EQ(why_no_next_hop(action, {}), "table \"hosts\" is empty");
}

TEST(NextHop, OptionsOfAConnectionForbidToShareIt) {
  const conf::Table sources = hosts({"192.0.2.1"});
  conf::Action action;
  action.method = conf::Method::Relay;
  action.name = "out";
  store::Recipient recipient;
  recipient.final_address = "x@y.test";
  action.relay.mail_from = "@us.test";
  EXPECT_EQ(next_hop_of(action, recipient, 0)->key(), "y.test");
  action.relay.sources = &sources;
  EXPECT_EQ(next_hop_of(action, recipient, 0)->key(), "y.test as out");
  action.relay.sources = nullptr;
  action.relay.backup_name = "mx2.test";
  EXPECT_EQ(next_hop_of(action, recipient, 0)->key(), "y.test as out");
}

TEST(NextHop, WhatIsDeliveredHereHasNone) {
  conf::Action action;
  EXPECT_FALSE(next_hop_of(action, {}, 0));
  action.method = conf::Method::Lmtp;
  action.lmtp_destination = "localhost:24";
  EXPECT_EQ(next_hop_of(action, {}, 0)->key(), "lmtp:localhost:24");
}

TEST(NextHopKey, NamesADomainOrAHost) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"example.org", "example.org"},
      {"example.org helo=mx.test", "example.org"},
      {"Relay.test:2525 as out", "Relay.test"},
      {"127.0.0.1:25", "127.0.0.1"},
      {"[2001:db8::1]:25", "[2001:db8::1]"},
      {"lmtp:localhost:24", "localhost"},
      {"lmtp:/run/lmtp.sock", "/run/lmtp.sock"},
  };
  for (const auto& [key, host] : cases) EXPECT_EQ(NextHop::host_of_key(key), host) << key;
}

}  // namespace
}  // namespace ringpost::mta
