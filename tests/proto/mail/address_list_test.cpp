// Address lists as header fields and command lines have them.
#include "proto/mail/address_list.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

// The addresses joined by blanks; "!" at the end when the list is malformed.
std::string listed(std::string_view text) {
  const AddressList list = parse_address_list(text);
  std::string result;
  for (const ListedAddress& address : list.addresses) {
    if (!result.empty()) result += ' ';
    result += address.spec.empty() ? "<>" : address.spec;
    EXPECT_EQ(address.is_bare, !address.spec.contains('@'));
  }
  return result + (list.malformed ? "!" : "");
}

TEST(AddressList, AddressesAloneAndInBrackets) {
  EXPECT_EQ(listed("alice@a.example"), "alice@a.example");
  EXPECT_EQ(listed(" alice , bob@b.example "), "alice bob@b.example");
  EXPECT_EQ(listed("Alice Example <alice@a.example>, <bob>"), "alice@a.example bob");
  EXPECT_EQ(listed("J. R. \"Bob\" <bob@b.example>"), "bob@b.example");
  EXPECT_EQ(listed("\"Example, Alice\" <alice@a.example>,bob"), "alice@a.example bob");
  EXPECT_EQ(listed("=?UTF-8?B?w4Q=?= <a@b>"), "a@b");
}

TEST(AddressList, CommentsAndFoldsAreNotOfAnAddress) {
  EXPECT_EQ(listed("root (Cron Daemon)"), "root");
  EXPECT_EQ(listed("alice(a (nested\\) one))@ \r\n\ta.example (x)"), "alice@a.example");
  EXPECT_EQ(listed("(only a comment)"), "");
}

TEST(AddressList, QuotedLocalPartsAndLiterals) {
  EXPECT_EQ(listed("\"a b\"@c.example"), "\"a b\"@c.example");
  EXPECT_EQ(listed("\"a\\\"@,b\"@c.example"), "\"a\\\"@,b\"@c.example");
  EXPECT_EQ(listed("alice@[192.0.2.1], <bob@[IPv6:2001:db8::1]>"),
            "alice@[192.0.2.1] bob@[IPv6:2001:db8::1]");
}

TEST(AddressList, GroupsAndRoutes) {
  EXPECT_EQ(listed("undisclosed-recipients:;"), "");
  EXPECT_EQ(listed("Friends: alice@a, Bob <bob@b>;, carol@c"), "alice@a bob@b carol@c");
  EXPECT_EQ(listed("<@x.example,@y.example:alice@a.example>"), "alice@a.example");
}

TEST(AddressList, EmptyPlaces) {
  EXPECT_EQ(listed(""), "");
  EXPECT_EQ(listed(",, alice ,,"), "alice");
  EXPECT_EQ(listed("<>"), "<>");
}

TEST(AddressList, Utf8) {
  EXPECT_EQ(listed("Jürgen <jürgen@bücher.example>"), "jürgen@bücher.example");
}

TEST(AddressList, WhatIsNoAddress) {
  for (const char* text : {"Alice Example", "a@b@c", "<alice@a", "alice@a>", "\"open", "(open",
                           "a@[1", "<a> b", "<a><b>", "<a,b>", "back\\slash", "a\x01z",
                           "<@a.example>", "<@a.example:", "a@b c", "@a.example", "\"a\\\nb\"@c"})
    EXPECT_TRUE(parse_address_list(text).malformed) << text;
  EXPECT_EQ(listed("alice, a b, carol"), "alice!");
}

TEST(AddressList, TellsWhereADomainCanBePut) {
  const std::string_view text = "Root <root> , (x) cron (y)";
  const AddressList list = parse_address_list(text);
  ASSERT_EQ(list.addresses.size(), 2u);
  EXPECT_EQ(text.substr(0, list.addresses[0].end), "Root <root");
  EXPECT_EQ(text.substr(0, list.addresses[1].end), "Root <root> , (x) cron");
}

}  // namespace
}  // namespace ringpost::mail
