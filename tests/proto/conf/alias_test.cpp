// aliases(5) values: splitting, forms, and what is refused with which words.
#include "proto/conf/alias.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::conf {
namespace {

std::string to_text(const std::expected<AliasTarget, std::string>& target) {
  if (!target) return "! " + target.error();
  switch (target->kind) {
    case AliasKind::User:
      return "user " + std::string(target->user);
    case AliasKind::Address:
      return "address " + std::string(target->user) + " at " + std::string(target->domain);
    case AliasKind::Error:
      return "error " + std::to_string(target->code) + " " + std::string(target->text);
    case AliasKind::Command:
      return "command " + std::string(target->text);
    case AliasKind::File:
      return "file " + std::string(target->text);
    case AliasKind::Include:
      break;
  }
  return "include " + std::string(target->text);
}

template <class Targets>
std::string targets_of(std::string_view text) {
  std::string result;
  Targets targets(text);
  while (const auto target = targets.next()) {
    if (!result.empty()) result += "; ";
    result += to_text(*target);
  }
  return result;
}

std::string value(std::string_view text) { return targets_of<AliasTargets>(text); }
std::string file(std::string_view text) { return targets_of<AliasFile>(text); }

TEST(Alias, Forms) {
  EXPECT_EQ(value("alice"), "user alice");
  EXPECT_EQ(value(" alice ,bob@example.org,, carol+x "),
            "user alice; address bob at example.org; user carol+x");
  EXPECT_EQ(value("\\alice"), "user alice");
  EXPECT_EQ(value("admin # who reads root's mail"), "user admin");
  EXPECT_EQ(value("admin # or, perhaps, \"nobody"), "user admin");
  EXPECT_EQ(value("error:550 gone, forever"), "error 550 gone; user forever");
  EXPECT_EQ(value("\"error:450 come back, later\""), "error 450 come back, later");
  EXPECT_EQ(value(":error:550 gone"), "error 550 gone");
  EXPECT_EQ(value("bob/x=y@example.org"), "address bob/x=y at example.org");
  EXPECT_EQ(value(""), "");
  EXPECT_EQ(value(" , ,"), "");
  EXPECT_EQ(value("# only a comment"), "");
}

TEST(Alias, CommandsAndFiles) {
  EXPECT_EQ(value("|/bin/cat"), "command /bin/cat");
  EXPECT_EQ(value("| /bin/cat -v"), "command /bin/cat -v");
  EXPECT_EQ(value("\"|/bin/cat x, y #z\", bob"), "command /bin/cat x, y #z; user bob");
  EXPECT_EQ(value("\"|sh -c 'a, b'\""), "command sh -c 'a, b'");
  EXPECT_EQ(value("\"|echo \\\"x\\\" \\\\\""), "command echo \"x\" \\");
  EXPECT_EQ(value("|cmd a\\, b"), "command cmd a, b");
  EXPECT_EQ(value("/var/mail/x, \"/var/mail/with blank\""),
            "file /var/mail/x; file /var/mail/with blank");
  EXPECT_EQ(value(":include:/etc/list, include:/x"), "include /etc/list; include /x");
  EXPECT_EQ(value("\":Include:/etc/a list\""), "include /etc/a list");
}

TEST(Alias, RefusedForms) {
  const std::string error = "! an error: alias needs a code from 400 to 599, a blank and a text";
  for (const char* text : {"error:", "error:300 x", "error:55 x", "error:550", "error:5500 x"}) {
    EXPECT_EQ(value(text), error) << text;
  }
  EXPECT_EQ(value("two words"), "! \"two words\" is not a user or address");
  EXPECT_EQ(value("\"quoted\"@example.org"),
            "! \"\"quoted\"@example.org\" is not a user or address");
  EXPECT_EQ(value("@example.org"), "! \"@example.org\" is not a user or address");
  EXPECT_EQ(value("a@"), "! \"a@\" has no valid domain");
  EXPECT_EQ(value("a@b c"), "! \"a@b c\" has no valid domain");
  EXPECT_EQ(value("|"), "! a command is missing behind '|'");
  EXPECT_EQ(value("\"|\""), "! a command is missing behind '|'");
  EXPECT_EQ(value("\"|cat"), "! a quote or backslash without an end in \"\"|cat\"");
  EXPECT_EQ(value("alice\\"), "! a quote or backslash without an end in \"alice\\\"");
  EXPECT_EQ(value("o'brien"), "! a quote or backslash without an end in \"o'brien\"");
  EXPECT_EQ(value(":include:list"), "! \"list\" is not an absolute path");
  EXPECT_EQ(value("/a\tb"), "! \"/a\tb\" is not an absolute path");
  EXPECT_EQ(value("|" + std::string(alias_item_octets_max, 'x')), "! an item is too long");
  EXPECT_EQ(value("|" + std::string(alias_item_octets_max - 1, 'x')).size(),
            alias_item_octets_max + 7);
}

TEST(AliasFile, ListsLineByLine) {
  EXPECT_EQ(file("# comment, it's one\n\nalice, bob\n\"|cat #1\"# x\ncarol@example.org#y\n"),
            "user alice; user bob; command cat #1; address carol at example.org");
  EXPECT_EQ(file("alice,\\\n bob\r\n  carol  "), "user alice; user bob; user carol");
  EXPECT_EQ(file("# goes on \\\nalice\n"), "user alice");
  EXPECT_EQ(file(""), "");
  EXPECT_EQ(file("\n\n#\n"), "");
  EXPECT_EQ(file("alice\\"), "! a quote or backslash without an end in \"alice\\\"");
  EXPECT_EQ(file("\"alice\nbob"), "! a quote or backslash without an end in \"\"alice\"; user bob");
}

TEST(AliasFile, KnowsItsLines) {
  AliasFile targets("# one\na,\\\nb, c\n\nx y\n");
  std::string lines;
  while (const auto target = targets.next()) lines += std::to_string(targets.line()) + " ";
  EXPECT_EQ(lines, "2 2 2 5 ");
}

TEST(Alias, RowsAreChecked) {
  const auto table = Table::from_file_text("t", "a: b\nc: |\nd: ,\ne: f, g h\n");
  ASSERT_TRUE(table);
  const auto errors = check_alias_rows(*table);
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_EQ(errors[0].line, 2U);
  EXPECT_EQ(errors[1].text, "an alias without a target");
  EXPECT_EQ(errors[2].source_line, "e: f, g h");
}

}  // namespace
}  // namespace ringpost::conf
