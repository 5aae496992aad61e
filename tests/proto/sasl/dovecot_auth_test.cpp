// Dovecot's authentication protocol as a client speaks it.
#include "proto/sasl/dovecot_auth.h"

#include <gtest/gtest.h>

namespace ringpost::sasl {
namespace {

using Kind = DovecotReply::Kind;

constexpr std::string_view greeting =
    "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nMECH\tANONYMOUS\tanonymous\n"
    "MECH\tSCRAM-SHA-256-PLUS\tmutual-auth\nMECH\tbad name\nMECH\tOAUTHBEARER\n"
    "SPID\t42\nCUID\t1\nCOOKIE\tabc\nDONE\n";

DovecotAuth greeted() {
  DovecotAuth client(7);
  client.receive(bytes_of(greeting));
  client.take_output();
  return client;
}

TEST(DovecotAuth, IntroducesItself) {
  DovecotAuth client(7);
  EXPECT_EQ(client.take_output().reveal(), "VERSION\t1\t1\nCPID\t7\n");
  EXPECT_TRUE(client.take_output().empty());
  for (const char c : greeting) {
    EXPECT_FALSE(client.ready());
    client.receive(bytes_of(std::string_view(&c, 1)));
  }
  EXPECT_TRUE(client.ready());
  EXPECT_EQ(client.mechanisms(), (std::vector<std::string>{"PLAIN", "LOGIN", "OAUTHBEARER"}));
  EXPECT_FALSE(client.broken());
}

TEST(DovecotAuth, AsksAndGoesOn) {
  DovecotAuth client = greeted();
  client.ask(
      {.id = 1, .mechanism = "PLAIN", .client_address = "192.0.2.1", .response = "AGEAYg=="});
  client.ask({.id = 2, .mechanism = "LOGIN"});
  client.ask({.id = 3, .mechanism = "PLAIN", .response = ""});
  client.give_up(3);
  EXPECT_EQ(client.take_output().reveal(),
            "AUTH\t1\tPLAIN\tservice=smtp\tsecured\tnologin\trip=192.0.2.1\tresp=AGEAYg==\n"
            "AUTH\t2\tLOGIN\tservice=smtp\tsecured\tnologin\n"
            "AUTH\t3\tPLAIN\tservice=smtp\tsecured\tnologin\tresp=\n"
            "CANCEL\t3\n");
}

TEST(DovecotAuth, TakesReplies) {
  DovecotAuth client = greeted();
  client.receive(
      bytes_of("CONT\t2\tUGFzc3dvcmQ6\nOK\t1\tuser=al\001tice\tx=y\nFAIL\t3\tuser=bob\treason=no\n"
               "FAIL\t4\ttemp\nFAIL\t5\tcode=temp_fail\nOK\t6\nUNKNOWN\t1\nOK\t7\tuser=c"));
  const struct {
    Kind kind;
    std::uint32_t id;
    std::string_view user, challenge;
  } expected[] = {{Kind::Continue, 2, "", "UGFzc3dvcmQ6"}, {Kind::Accepted, 1, "al\tice", ""},
                  {Kind::Refused, 3, "bob", ""},           {Kind::TemporaryFailure, 4, "", ""},
                  {Kind::TemporaryFailure, 5, "", ""},     {Kind::TemporaryFailure, 6, "", ""}};
  for (const auto& one : expected) {
    const auto reply = client.next_reply();
    ASSERT_TRUE(reply) << one.id;
    EXPECT_EQ(reply->kind, one.kind) << one.id;
    EXPECT_EQ(reply->id, one.id);
    EXPECT_EQ(reply->user, one.user);
    EXPECT_EQ(reply->challenge, one.challenge);
  }
  EXPECT_FALSE(client.next_reply()) << "the last line is not whole";
  client.receive(bytes_of("arol\n"));
  EXPECT_EQ(client.next_reply()->user, "carol");
}

TEST(DovecotAuth, EndsWithWhatBreaksTheProtocol) {
  for (const std::string_view text :
       {"VERSION\t2\t0\n", "MECH\tPLAIN\n", "HTTP/1.1 400\n", "VERSION\t1\t2\nOK\tx\n",
        "VERSION\t1\t2\nFAIL\n", "VERSION\t1\t2\nCONT\t1\tnot base64\n"}) {
    DovecotAuth client(7);
    client.receive(bytes_of(text));
    EXPECT_TRUE(client.broken()) << text;
    EXPECT_FALSE(client.ready());
  }
  DovecotAuth client(7);
  client.receive(bytes_of(std::string(dovecot_line_octets_max + 1, 'a')));
  EXPECT_TRUE(client.broken());
}

}  // namespace
}  // namespace ringpost::sasl
