// As whom users may send.
#include "proto/conf/senders.h"

#include <gtest/gtest.h>

#include "tests/proto/conf/fake_lookups.h"

namespace ringpost::conf {
namespace {

std::string describe(const SenderVerdict& verdict) {
  switch (verdict.state) {
    case SenderVerdict::State::Allowed:
      return "allowed";
    case SenderVerdict::State::Refused:
      return "refused";
    case SenderVerdict::State::Later:
      return "later: " + describe(*verdict.waiting_for);
    case SenderVerdict::State::TemporaryFailure:
      return verdict.reason;
  }
  return "";
}

std::string judge(const Table& table, std::string_view user, AddressView sender) {
  FakeLookups lookups;
  lookups.rows = {{"prog:alice", "alice@a.example"}, {"prog:bob", "LATER"}, {"prog:eve", "BROKEN"}};
  return describe(judge_sender(table, user, sender, '+', lookups));
}

TEST(Senders, OfATableInMemory) {
  const TableRow rows[] = {{"alice", "alice@a.example, @b.example"},
                           {"bob@c.example", "bob@*.example ,list+one@c.example,"},
                           {"root", "@"},
                           {"none", ""}};
  const Table table("senders", TableKind::Map, rows);
  const auto is = [&](std::string_view user, AddressView sender) {
    return judge(table, user, sender) == "allowed";
  };
  EXPECT_TRUE(is("alice", {"alice", "a.example"}));
  EXPECT_TRUE(is("ALICE", {"Alice+tag", "A.example"}));
  EXPECT_TRUE(is("alice", {"anybody", "b.example"}));
  EXPECT_FALSE(is("alice", {"bob", "a.example"}));
  EXPECT_FALSE(is("alice", {"alice", "c.example"}));
  EXPECT_FALSE(is("alice", {"", ""}));
  EXPECT_TRUE(is("bob@c.example", {"bob", "d.example"}));
  EXPECT_TRUE(is("bob@c.example", {"list+one", "c.example"}));
  EXPECT_FALSE(is("bob@c.example", {"list+two", "c.example"}));
  EXPECT_FALSE(is("bob@c.example", {"list", "c.example"}));
  EXPECT_FALSE(is("bob", {"bob", "d.example"}));
  EXPECT_TRUE(is("root", {"", ""}));
  EXPECT_TRUE(is("root", {"any", "where.example"}));
  EXPECT_FALSE(is("none", {"none", "a.example"}));
  EXPECT_FALSE(is("unknown", {"alice", "a.example"}));
}

TEST(Senders, OfATableThatIsAsked) {
  const Table table = Table::external("prog", TableBackend::Proc, "/bin/prog");
  EXPECT_EQ(judge(table, "Alice", {"alice", "a.example"}), "allowed");
  EXPECT_EQ(judge(table, "alice", {"bob", "a.example"}), "refused");
  EXPECT_EQ(judge(table, "carol", {"carol", "a.example"}), "refused");
  EXPECT_EQ(judge(table, "bob", {"bob", "a.example"}), "later: table prog key bob");
  EXPECT_EQ(judge(table, "eve", {"eve", "a.example"}), "broken prog:eve");
}

}  // namespace
}  // namespace ringpost::conf
