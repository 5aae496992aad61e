// smtpd-tables(7): the octets that are sent, the replies in every form, and what breaks the
// dialogue; the same replies however the octets are cut.
#include "proto/table/table_client.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::table {
namespace {

constexpr WallTime now{1'713'795'082'354'255};

std::string take_output(TableClient& client) {
  std::string output(client.transmit());
  client.transmitted(output.size());
  return output;
}

TableClient ready(std::string_view services = "register|alias\nregister|domain\n") {
  TableClient client("devs");
  take_output(client);
  client.receive(std::string(services) + "register|ready\n");
  return client;
}

// The one reply to `request` when the program says `said`; its number stands for '#' there.
TableReply reply_to(Operation operation, std::string said) {
  TableClient client = ready();
  const auto id = client.ask(operation, "alias", "op", now);
  EXPECT_EQ(id, 1u);
  said.replace(said.find('#'), 1, "1");
  client.receive(said);
  EXPECT_EQ(client.error(), "");
  auto reply = client.next_reply();
  EXPECT_TRUE(reply) << said;
  EXPECT_FALSE(client.next_reply());
  return reply.value_or(TableReply{});
}

TEST(TableClient, Handshake) {
  TableClient client("de|vs\n");
  EXPECT_EQ(take_output(client),
            "config|smtpd-version|7.8.0\nconfig|protocol|0.1\nconfig|tablename|de_vs_\n"
            "config|ready\n");
  EXPECT_EQ(client.state(), TableClient::State::Handshake);
  client.receive("register|alias\nregister|something-new\r\nregister|rea");
  EXPECT_EQ(client.state(), TableClient::State::Handshake);
  client.receive("dy\n");
  EXPECT_EQ(client.state(), TableClient::State::Ready);
  EXPECT_TRUE(client.serves("alias"));
  EXPECT_TRUE(client.serves("something-new"));
  EXPECT_FALSE(client.serves("domain"));
}

TEST(TableClient, Requests) {
  TableClient client = ready();
  EXPECT_EQ(client.ask(Operation::Lookup, "alias", "a|b", now), 1u);
  EXPECT_EQ(client.ask(Operation::Check, "domain", "example.org", {5}), 2u);
  EXPECT_EQ(client.update(now), 3u);
  client.transmitted(6);
  EXPECT_EQ(take_output(client),
            "0.1|1713795082.354255|devs|lookup|alias|1|a|b\n"
            "table|0.1|0.000005|devs|check|domain|2|example.org\n"
            "table|0.1|1713795082.354255|devs|update|3\n");
  EXPECT_EQ(client.transmit(), "");
}

TEST(TableClient, AKeyThatCannotStandInALineIsNotAsked) {
  TableClient client = ready();
  EXPECT_FALSE(client.ask(Operation::Lookup, "alias", "a\nb", now));
  EXPECT_FALSE(client.ask(Operation::Lookup, "alias", std::string_view("a\0b", 3), now));
  EXPECT_FALSE(client.ask(Operation::Lookup, "alias", std::string(key_octets_max + 1, 'x'), now));
  EXPECT_EQ(client.transmit(), "");
}

TEST(TableClient, Replies) {
  using enum Operation;
  TableReply reply = reply_to(Lookup, "lookup-result|#|found|1000:1000:/home/op|x\n");
  EXPECT_EQ(reply.state, ReplyState::Found);
  EXPECT_EQ(reply.text, "1000:1000:/home/op|x");
  reply = reply_to(Lookup, "lookup-result|#|not-found\n");
  EXPECT_EQ(reply.state, ReplyState::NotFound);
  reply = reply_to(Lookup, "lookup-result|#|error\n");
  EXPECT_EQ(reply.state, ReplyState::Error);
  EXPECT_FALSE(reply.text.empty());
  reply = reply_to(Lookup, "lookup-result|#|error|no|connection\n");
  EXPECT_EQ(reply.text, "no|connection");
  EXPECT_EQ(reply_to(Lookup, "lookup-result|#|found|\n").state, ReplyState::Error);
  EXPECT_EQ(reply_to(Check, "check-result|#|found\n").state, ReplyState::Found);
  EXPECT_EQ(reply_to(Check, "check-result|#|found|whatever\r\n").text, "");
  EXPECT_EQ(reply_to(Check, "check-result|#|not-found\n").state, ReplyState::NotFound);
  EXPECT_EQ(reply_to(Update, "update-result|#|ok\n").state, ReplyState::Found);
  EXPECT_EQ(reply_to(Update, "update-result|#|error|bad file\n").text, "bad file");
}

TEST(TableClient, RepliesMayComeInAnyOrder) {
  TableClient client = ready();
  for (int i = 0; i < 20; ++i) client.ask(Operation::Lookup, "alias", "k", now);
  client.receive("lookup-result|14|found|last\nlookup-result|1|not-found\n");
  EXPECT_EQ(client.next_reply()->id, 20u);
  EXPECT_EQ(client.next_reply()->id, 1u);
}

TEST(TableClient, WhatBreaksTheDialogue) {
  const auto error_after = [](std::string_view said, bool handshake) {
    TableClient client = handshake ? TableClient("t") : ready();
    if (!handshake) client.ask(Operation::Lookup, "alias", "k", now);
    client.receive(said);
    EXPECT_EQ(client.state(), TableClient::State::Broken) << said;
    EXPECT_FALSE(client.next_reply());
    client.receive("lookup-result|1|found|x\nregister|ready\n");
    EXPECT_FALSE(client.next_reply());
    return client.error();
  };
  EXPECT_NE(error_after("hello\n", true).find("\"hello\""), std::string::npos);
  EXPECT_NE(error_after("register|\n", true), "");
  EXPECT_NE(error_after("register|a|b\n", true), "");
  EXPECT_NE(error_after("register|ready\n", true).find("no service"), std::string::npos);
  for (const char* said :
       {"lookup-result|2|found|x\n", "lookup-result|x|found|x\n", "lookup-result||found|x\n",
        "check-result|1|found|x\n", "update-result|1|ok\n", "lookup-result|1|ok\n",
        "lookup-result|1\n", "lookup|1|found|x\n", "\n", "register|alias\n"})
    EXPECT_NE(error_after(said, false), "");
  EXPECT_NE(error_after(std::string_view("lookup-result|1|found|\0\n", 24), false), "");
  EXPECT_NE(error_after(std::string(reply_line_octets_max + 1, 'a'), false).find("longer"),
            std::string::npos);
  std::string many;
  for (std::size_t i = 0; i <= services_max; ++i) many += "register|s" + std::to_string(i) + "\n";
  EXPECT_NE(error_after(many, true).find("too many"), std::string::npos);
}

TEST(TableClient, AReplyComesOnce) {
  TableClient client = ready();
  client.ask(Operation::Lookup, "alias", "k", now);
  client.receive("lookup-result|1|not-found\nlookup-result|1|not-found\n");
  EXPECT_TRUE(client.next_reply());
  EXPECT_EQ(client.state(), TableClient::State::Broken);
}

TEST(TableClient, TheCutDoesNotMatter) {
  const std::string said = "lookup-result|1|found|x\r\nlookup-result|2|error|y\n";
  for (std::size_t cut = 0; cut <= said.size(); ++cut) {
    TableClient client("t");
    client.receive("register|alias\nregister|ready\n");
    client.ask(Operation::Lookup, "alias", "a", now);
    client.ask(Operation::Lookup, "alias", "b", now);
    client.receive(said.substr(0, cut));
    client.receive(said.substr(cut));
    std::string replies;
    while (const auto reply = client.next_reply()) replies += reply->text;
    EXPECT_EQ(replies, "xy") << cut;
  }
}

}  // namespace
}  // namespace ringpost::table
