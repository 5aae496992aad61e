// Tables: what matches, what does not, by kind of lookup; file format; a million rows.
#include "proto/conf/table.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::conf {
namespace {

Table list_of(std::initializer_list<std::string_view> keys) {
  std::vector<TableRow> rows;
  for (const std::string_view key : keys) rows.push_back({.key = key});
  return Table("t", TableKind::List, rows);
}

Table file_of(std::string text) {
  auto table = Table::from_file_text("t", std::move(text));
  EXPECT_TRUE(table);
  return table ? std::move(*table) : list_of({});
}

std::string errors_of_file(std::string text) {
  const auto table = Table::from_file_text("t", std::move(text));
  std::string result;
  if (table) return result;
  for (const TableError& error : table.error()) {
    result += std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.text +
              " [" + error.source_line + "]\n";
  }
  return result;
}

TEST(Table, Domains) {
  const Table table = list_of({"Example.org", "*.example.net", "mail*.example.com"});
  for (const char* domain : {"example.org", "EXAMPLE.ORG", "a.example.net", "a.b.example.net",
                             "mail.example.com", "mail12.example.com"}) {
    EXPECT_TRUE(table.matches_domain(domain)) << domain;
  }
  for (const char* domain : {"", "org", "a.example.org", "example.net", ".example.net",
                             "xmail.example.com", "example.com", "*.example.ne"}) {
    EXPECT_FALSE(table.matches_domain(domain)) << domain;
  }
  EXPECT_TRUE(list_of({"*"}).matches_domain("anything.example"));
  EXPECT_FALSE(list_of({}).matches_domain("example.org"));
  EXPECT_TRUE(list_of({"a*b*c"}).matches_domain("axxbxbxc"));
  EXPECT_FALSE(list_of({"a*b*c"}).matches_domain("axxbxbx"));
}

TEST(Table, MailAddresses) {
  const Table table = list_of({"alice", "@example.org", "bob@example.net", "carol@*.example.com",
                               "@*.wild.example", "dave+tag@example.net", "eve@mx*.example"});
  const auto matches = [&table](std::string_view user, std::string_view domain) {
    return table.matches_mail_address(user, domain, '+');
  };
  EXPECT_TRUE(matches("alice", "any.example"));
  EXPECT_TRUE(matches("ALICE+x", "any.example"));
  EXPECT_TRUE(matches("zoe", "Example.ORG"));
  EXPECT_TRUE(matches("bob", "example.net"));
  EXPECT_TRUE(matches("bob+list", "example.net"));
  EXPECT_FALSE(matches("bob", "example.com"));
  EXPECT_TRUE(matches("carol", "a.b.example.com"));
  EXPECT_FALSE(matches("carol", "example.com"));
  EXPECT_TRUE(matches("x", "y.wild.example"));
  EXPECT_FALSE(matches("x", "wild.example"));
  // Quoted local parts: <"bob@example.net"@evil.test> is nobody's but evil.test's.
  EXPECT_FALSE(matches("bob@example.net", "evil.test"));
  EXPECT_FALSE(matches("@example.org", "evil.test"));
  EXPECT_FALSE(matches("bob@example.net+x", "evil.test"));
  EXPECT_TRUE(matches("dave+tag", "example.net"));
  EXPECT_FALSE(matches("dave", "example.net"));
  EXPECT_FALSE(matches("dave+other", "example.net"));
  EXPECT_TRUE(matches("eve", "mx1.example"));
  EXPECT_FALSE(matches("", ""));
  EXPECT_TRUE(list_of({"@"}).matches_mail_address("", "", '+'));
  EXPECT_FALSE(list_of({"alice"}).matches_mail_address("", "", '+'));
}

TEST(Table, Addresses) {
  Table table = list_of({"192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "local", "nonsense"});
  const auto errors = table.index_addresses();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].text, "neither an address nor a prefix: it never matches");
  const auto matches = [&table](const char* text) {
    return table.matches_address(*parse_net_address(text));
  };
  EXPECT_TRUE(matches("192.0.2.255"));
  EXPECT_FALSE(matches("192.0.3.0"));
  EXPECT_TRUE(matches("198.51.100.7"));
  EXPECT_FALSE(matches("198.51.100.8"));
  EXPECT_TRUE(matches("2001:db8:1::1"));
  EXPECT_FALSE(matches("2001:db9::1"));
  EXPECT_TRUE(table.contains("LOCAL"));
  Table all = list_of({"0.0.0.0/0"});
  EXPECT_TRUE(all.index_addresses().empty());
  EXPECT_TRUE(all.matches_address(*parse_net_address("203.0.113.9")));
  EXPECT_FALSE(all.matches_address(*parse_net_address("::1")));
}

TEST(Table, FileOfAMap) {
  const Table table = file_of(
      "# comment\n\n  root:  admin \r\nuser@example.org alice, bob\nTab\tvalue with blanks\n"
      "[::1]:\thost\nlast: one");
  EXPECT_EQ(table.kind(), TableKind::Map);
  EXPECT_EQ(table.size(), 5U);
  EXPECT_EQ(table.find("ROOT"), "admin");
  EXPECT_EQ(table.find("user@example.org"), "alice, bob");
  EXPECT_EQ(table.find("user", "@", "EXAMPLE.org"), "alice, bob");
  EXPECT_EQ(table.find("tab"), "value with blanks");
  EXPECT_EQ(table.find("[::1]"), "host");
  EXPECT_EQ(table.find("last"), "one");
  EXPECT_EQ(table.find("nobody"), std::nullopt);
  EXPECT_EQ(table.row(1).line, 4U);
}

TEST(Table, FileOfAList) {
  const Table table = file_of("example.org\n*.example.net\n::1\n");
  EXPECT_EQ(table.kind(), TableKind::List);
  EXPECT_TRUE(table.contains("::1"));
  const Table forced = file_of("# @list\na b\nc: d\n");
  EXPECT_EQ(forced.kind(), TableKind::List);
  EXPECT_TRUE(forced.contains("a b"));
  EXPECT_TRUE(forced.contains("c: d"));
  EXPECT_EQ(file_of("# nothing\n").size(), 0U);
  EXPECT_EQ(file_of("a 1\na 2\n").find("a"), "2");  // the last row of a key counts
}

TEST(Table, FileErrorsHaveTheirPlaces) {
  EXPECT_EQ(errors_of_file("a: b\n  c\nd: \n[::1 x\n"),
            "2:3: a map needs a value behind every key [  c]\n"
            "3:1: a map needs a value behind every key [d: ]\n"
            "4:1: missing ']' in the key [[::1 x]\n");
  EXPECT_EQ(errors_of_file(std::string("a\0b\n", 4)),
            std::string("1:1: a NUL octet in the table [a\0b]\n", 36));
}

TEST(Table, Users) {
  const Table table = file_of("alice: 1000:100:/home/alice\nbob 1001:100:/srv/bob\n");
  EXPECT_TRUE(table.check_user_rows().empty());
  const auto alice = table.find_user("ALICE");
  ASSERT_TRUE(alice);
  EXPECT_EQ(alice->username, "alice");
  EXPECT_EQ(alice->uid, 1000U);
  EXPECT_EQ(alice->gid, 100U);
  EXPECT_EQ(alice->directory, "/home/alice");
  EXPECT_FALSE(table.find_user("carol"));
  const Table bad = file_of("a: 1:2:rel\nb: x:2:/h\nc: 1:/h\nd: 1:2:/h:x\ne: -1:2:/h\n");
  EXPECT_EQ(bad.check_user_rows().size(), 5U);
  EXPECT_FALSE(bad.find_user("a"));
}

TEST(Table, AMillionRows) {
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) {
    text += "user" + std::to_string(i) + "@example.org: box" + std::to_string(i) + "\n";
  }
  const Table table = file_of(std::move(text));
  EXPECT_EQ(table.size(), 1'000'000U);
  EXPECT_EQ(table.find("user", "777777", "@example.org"), "box777777");
  EXPECT_EQ(table.find("user1000000@example.org"), std::nullopt);
}

// Patterns are lines of their own: brackets in them are no keys.
TEST(Table, LinesOfAListStayWhole) {
  const Table table = file_of("# @list\n[a-z\n[0-9]+ x: y\n");
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table.row(0).key, "[a-z");
  EXPECT_EQ(table.row(1).key, "[0-9]+ x: y");
}

}  // namespace
}  // namespace ringpost::conf
