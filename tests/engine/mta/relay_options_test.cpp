// Source addresses, their names, and senders of relays.
#include "engine/mta/relay_options.h"

#include <gtest/gtest.h>

#include "engine/mta/sender_rewriting.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

std::vector<std::string> words(const std::vector<net::Address>& addresses) {
  std::vector<std::string> result;
  for (const net::Address& address : addresses) result.push_back(address.host());
  return result;
}

using Words = std::vector<std::string>;

TEST(RelayOptions, SourcesOfAFamilyTakeTurns) {
  const conf::TableRow rows[] = {{.key = "127.0.0.1"},     {.key = "2001:db8::1"},
                                 {.key = "nonsense"},      {.key = "127.0.0.2"},
                                 {.key = "[2001:db8::2]"}, {.key = "127.0.0.3"}};
  const conf::Table table("sources", conf::TableKind::List, rows);
  EXPECT_EQ(words(sources_of(table, AF_INET, 0)), (Words{"127.0.0.1", "127.0.0.2", "127.0.0.3"}));
  EXPECT_EQ(words(sources_of(table, AF_INET, 4)), (Words{"127.0.0.2", "127.0.0.3", "127.0.0.1"}));
  EXPECT_EQ(words(sources_of(table, AF_INET6, 1)), (Words{"2001:db8::2", "2001:db8::1"}));
  EXPECT_TRUE(sources_of(conf::Table("none", conf::TableKind::List, {}), AF_INET, 7).empty());
}

std::string relayed_sender(const conf::RelaySettings& relay, const std::string& sender) {
  return mta::relayed_sender({}, relay, sender, {}, {});
}

TEST(RelayOptions, SendersGiveWayInWholeOrInPart) {
  conf::RelaySettings relay;
  EXPECT_EQ(relayed_sender(relay, "a@b.test"), "a@b.test");
  relay.mail_from = "@us.test";
  EXPECT_EQ(relayed_sender(relay, "a@b.test"), "a@us.test");
  EXPECT_EQ(relayed_sender(relay, "\"a b\"@b.test"), "\"a b\"@us.test");
  relay.mail_from = "bounces";
  EXPECT_EQ(relayed_sender(relay, "a@b.test"), "bounces@b.test");
  relay.mail_from = "x@us.test";
  EXPECT_EQ(relayed_sender(relay, "a@b.test"), "x@us.test");
  EXPECT_EQ(relayed_sender(relay, ""), "") << "a report";
  relay.mail_from = "no address@";
  EXPECT_EQ(relayed_sender(relay, "a@b.test"), "a@b.test");
}

TEST(RelayOptions, TheSenderToRewriteIsTheOneThatWasPut) {
  Generation generation;
  generation.srs = srs_of({.key = "k", .backup_key = {}});
  conf::RelaySettings relay;
  relay.mail_from = "list@lists.test";
  store::Recipient recipient;
  recipient.accepted_address = "a@us.test";
  recipient.final_address = "b@there.test";
  EXPECT_EQ(mta::relayed_sender(generation, relay, "x@y.test", recipient, {}), "list@lists.test");
  relay.srs = true;
  const std::string sender = mta::relayed_sender(generation, relay, "x@y.test", recipient, {});
  EXPECT_TRUE(sender.ends_with("=lists.test=list@us.test")) << sender;
}

class DeparturesTest : public testing::Test {
 protected:
  // With `src` and `helo-src` as given; an empty list is no option.
  void use(std::vector<conf::TableRow> sources, std::vector<conf::TableRow> names) {
    auto generation = std::make_shared<Generation>();
    auto action = std::make_unique<conf::Action>();
    action->name = "out";
    const auto add = [&](const char* name, conf::TableKind kind, auto& rows) {
      generation->config.tables.push_back(std::make_unique<conf::Table>(name, kind, rows));
      return generation->config.tables.back().get();
    };
    if (!sources.empty()) action->relay.sources = add("from", conf::TableKind::List, sources);
    if (!names.empty()) action->relay.helo_source = add("names", conf::TableKind::Map, names);
    generation->config.actions.push_back(std::move(action));
    rig_.parts.generation = generation;
  }
  std::string depart(const std::string& target, const std::string& options_of = "out") {
    NextHop next;
    next.options_of = options_of;
    const Hop hop{*net::Address::parse(target, 25), target, target};
    const auto found = test::result_of(*rig_.core, departures_for(rig_.parts, next, hop));
    std::string text;
    for (const Departure& way : found->ways)
      text += (way.source ? way.source->host() : "any") + "=" + way.hello + " ";
    return found->ways.empty() ? found->failure.status + " " + found->failure.text : text;
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
};

TEST_F(DeparturesTest, WithoutOptionsTheKernelChooses) {
  EXPECT_EQ(depart("127.0.0.1", ""), "any= ");
  EXPECT_EQ(depart("127.0.0.1", "gone"), "4.3.5 action gone is not in the configuration any more");
}

TEST_F(DeparturesTest, EachConnectionBeginsWithTheNextSource) {
  use({{.key = "127.0.0.1"}, {.key = "127.0.0.2"}}, {});
  EXPECT_EQ(depart("127.0.0.9"), "127.0.0.1= 127.0.0.2= ");
  EXPECT_EQ(depart("127.0.0.9"), "127.0.0.2= 127.0.0.1= ");
  EXPECT_EQ(depart("::1"), "4.3.5 table \"from\" has no address from which ::1 can be reached");
}

TEST_F(DeparturesTest, NamesAreThoseOfTheSources) {
  use({{.key = "127.0.0.1"}, {.key = "127.0.0.2"}, {.key = "::1"}},
      {{.key = "127.0.0.2", .value = "two.test"}, {.key = "[::1]", .value = "six.test"}});
  EXPECT_EQ(depart("127.0.0.9"), "127.0.0.2=two.test ");
  EXPECT_EQ(depart("::1"), "::1=six.test ");
}

TEST_F(DeparturesTest, WithoutSourcesTheNameIsThatOfTheKernelsChoice) {
  use({}, {{.key = "127.0.0.1", .value = "one.test"}});
  EXPECT_EQ(depart("127.0.0.9"), "any=one.test ");
}

TEST_F(DeparturesTest, ATableWithoutTheNameIsNamed) {
  use({{.key = "127.0.0.1"}}, {{.key = "127.0.0.1", .value = "no name\r\n"}});
  EXPECT_EQ(depart("127.0.0.9"), "4.3.5 no name for 127.0.0.1 in table \"names\": there is none");
}

}  // namespace
}  // namespace ringpost::mta
