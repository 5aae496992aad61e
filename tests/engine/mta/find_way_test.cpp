// Ways to next hops: names of the configuration, mail exchangers, and those that are ourselves.
#include "engine/mta/find_way.h"

#include <map>

#include <gtest/gtest.h>

#include "tests/engine/mta/dns_server.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using dns::Message;
using dns::Type;

conf::NetAddress inet(std::string_view text) { return conf::parse_net_address(text).value(); }
dns::Name name(std::string_view text) { return dns::Name::parse(text).value(); }

class FindWayTest : public testing::Test {
 protected:
  void SetUp() override { rig_.start_resolver(server_.address()); }
  void TearDown() override { rig_.end_resolver(); }

  // The names of the hops, or why there are none.
  std::string way_to(const NextHop& next) {
    rig_.parts.generation = generation_;
    const auto way = test::result_of(*rig_.core, find_way(rig_.parts, next));
    std::string text;
    for (const Hop& hop : way->hops) text += hop.name + " ";
    if (!way->hops.empty()) return text;
    return (way->failure.permanent ? "failed " : "delayed ") + way->failure.status + " " +
           way->failure.text;
  }
  std::string way_to_host(const std::string& host) {
    return way_to(NextHop::of_lmtp(host + ":24").value());
  }
  std::string way_to_domain(const std::string& domain) {
    NextHop next;
    next.host = next.name = domain;
    next.port = 25;
    next.by_mx = true;
    return way_to(next);
  }
  void listen_on(const char* address) {
    generation_->listeners.push_back({.address = *net::Address::parse(address, 25),
                                      .server_name = {},
                                      .tag = {},
                                      .interface_name = {}});
  }
  // Everything below .down.test cannot be looked up; what has no row does not exist.
  std::optional<Message> answer(const Message& question) {
    Message message = test::DnsServer::response(question);
    const std::string host = question.question->name.text();
    if (host.ends_with(".down.test")) {
      message.header.code = dns::ResponseCode::ServerFailure;
      return message;
    }
    const auto rows = zone_.equal_range(host);
    if (rows.first == rows.second) message.header.code = dns::ResponseCode::NameError;
    for (auto row = rows.first; row != rows.second; ++row)
      if (row->second.first == question.question->type)
        message.answers.push_back({.owner = question.question->name,
                                   .type = row->second.first,
                                   .ttl_s = 60,
                                   .data = row->second.second});
    return message;
  }
  void has(const std::string& host, Type type, dns::RecordData data) {
    zone_.emplace(host, std::pair(type, std::move(data)));
  }

  std::multimap<std::string, std::pair<Type, dns::RecordData>> zone_{
      {"both.test", {Type::A, inet("192.0.2.1")}},
      {"both.test", {Type::Aaaa, inet("2001:db8::1")}},
      {"one.test", {Type::A, inet("192.0.2.7")}},
      {"hub.example.org", {Type::A, inet("192.0.2.9")}},
  };
  std::shared_ptr<Generation> generation_ = std::make_shared<Generation>();
  test::TemporaryDirectory folder_;
  test::DnsServer server_{[this](const Message& question, bool) { return answer(question); }};
  test::SpoolRig rig_{folder_.path()};
};

TEST_F(FindWayTest, HostsHaveAddressesOfBothFamilies) {
  EXPECT_EQ(way_to_host("both.test"), "[2001:db8::1]:24 192.0.2.1:24 ");
  EXPECT_EQ(way_to_host("192.0.2.5"), "192.0.2.5:24 ");
  EXPECT_EQ(way_to_host("[2001:db8::5]"), "[2001:db8::5]:24 ");
  EXPECT_EQ(way_to_host("absent.test"), "delayed 4.4.1 no address is known for absent.test");
  EXPECT_TRUE(way_to_host("x.down.test").starts_with("delayed 4.4.3 addresses of x.down.test: "));
}

TEST_F(FindWayTest, FamiliesTakeTurns) {
  has("both.test", Type::Aaaa, inet("2001:db8::2"));
  has("both.test", Type::Aaaa, inet("2001:db8::3"));
  has("both.test", Type::A, inet("192.0.2.2"));
  EXPECT_EQ(way_to_host("both.test"),
            "[2001:db8::1]:24 192.0.2.1:24 [2001:db8::2]:24 192.0.2.2:24 [2001:db8::3]:24 ");
}

TEST_F(FindWayTest, TheMachinesOwnNamesComeFirst) {
  generation_->host_file = dns::HostFile::parse("127.0.0.5 both.test hub\n");
  EXPECT_EQ(way_to_host("both.test"), "127.0.0.5:24 ");
  EXPECT_EQ(way_to_host("hub"), "127.0.0.5:24 ");
  EXPECT_EQ(way_to_host("localhost"), "[::1]:24 127.0.0.1:24 ");
  EXPECT_EQ(server_.questions(), 0);
}

TEST_F(FindWayTest, ANameWithoutADotIsSearchedFor) {
  generation_->resolver.search = {"nowhere.test", "example.org"};
  EXPECT_EQ(way_to_host("hub"), "192.0.2.9:24 ");
  EXPECT_EQ(way_to_host("lost"), "delayed 4.4.1 no address is known for lost");
}

TEST_F(FindWayTest, ExchangersThatAreOurselvesEndTheList) {
  has("d.test", Type::Mx, dns::MailExchanger{10, name("both.test")});
  has("d.test", Type::Mx, dns::MailExchanger{20, name("one.test")});
  EXPECT_EQ(way_to_domain("d.test"),
            "both.test[2001:db8::1] both.test[192.0.2.1] one.test[192.0.2.7] ");
  listen_on("192.0.2.7");
  EXPECT_EQ(way_to_domain("d.test"), "both.test[2001:db8::1] both.test[192.0.2.1] ");
  listen_on("2001:db8::1");
  EXPECT_EQ(way_to_domain("d.test"), "failed 5.4.6 mail for d.test would come back to us");
}

TEST_F(FindWayTest, EqualsOfOurselvesCountAsLittleAsWe) {
  has("d.test", Type::Mx, dns::MailExchanger{5, name("hub.example.org")});
  for (const char* host : {"both.test", "one.test"})
    has("d.test", Type::Mx, dns::MailExchanger{10, name(host)});
  listen_on("192.0.2.7");
  for (int i = 0; i < 8; ++i)  // they are shuffled
    EXPECT_EQ(way_to_domain("d.test"), "hub.example.org[192.0.2.9] ");
}

TEST_F(FindWayTest, AnInterfaceAddressIsOursToo) {
  const conf::NetAddress own[] = {inet("192.0.2.7")};
  generation_->host = conf::LocalHost("us.test", own);
  EXPECT_EQ(way_to_domain("one.test"), "failed 5.4.6 mail for one.test would come back to us");
}

TEST_F(FindWayTest, WhileABetterServerCannotBeLookedUpItIsNoLoop) {
  has("d.test", Type::Mx, dns::MailExchanger{10, name("mx.down.test")});
  has("d.test", Type::Mx, dns::MailExchanger{20, name("one.test")});
  listen_on("192.0.2.7");
  EXPECT_TRUE(way_to_domain("d.test").starts_with("delayed 4.4.3 addresses of mx.down.test: "));
}

}  // namespace
}  // namespace ringpost::mta
