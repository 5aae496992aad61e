// aliases(5) values: splitting, forms, and what is refused with which words.
#include "proto/conf/alias.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::conf {
namespace {

std::string targets_of(std::string_view value) {
  std::string result;
  AliasTargets targets(value);
  while (const auto target = targets.next()) {
    if (!result.empty()) result += "; ";
    if (!*target) {
      result += "! " + target->error();
      continue;
    }
    switch ((*target)->kind) {
      case AliasKind::User:
        result += "user " + std::string((*target)->user);
        break;
      case AliasKind::Address:
        result +=
            "address " + std::string((*target)->user) + " at " + std::string((*target)->domain);
        break;
      case AliasKind::Error:
        result += "error " + std::to_string((*target)->code) + " " + std::string((*target)->text);
        break;
    }
  }
  return result;
}

TEST(Alias, Forms) {
  EXPECT_EQ(targets_of("alice"), "user alice");
  EXPECT_EQ(targets_of(" alice ,bob@example.org,, carol+x "),
            "user alice; address bob at example.org; user carol+x");
  EXPECT_EQ(targets_of("\\alice"), "user alice");
  EXPECT_EQ(targets_of("admin # who reads root's mail"), "user admin");
  EXPECT_EQ(targets_of("error:550 gone, forever"), "error 550 gone; user forever");
  EXPECT_EQ(targets_of("\"error:450 come back, later\""), "error 450 come back, later");
  EXPECT_EQ(targets_of(""), "");
  EXPECT_EQ(targets_of(" , ,"), "");
  EXPECT_EQ(targets_of("# only a comment"), "");
}

TEST(Alias, RefusedForms) {
  EXPECT_EQ(targets_of("|/bin/cat"), "! an alias to a command (|) is not implemented yet");
  EXPECT_EQ(targets_of("\"|/bin/cat x, y\""), "! an alias to a command (|) is not implemented yet");
  EXPECT_EQ(targets_of("/var/mail/x"), "! an alias to a file is not implemented yet");
  EXPECT_EQ(targets_of(":include:/x"), "! an alias with :include: is not implemented yet");
  const std::string error = "! an error: alias needs a code from 400 to 599, a blank and a text";
  for (const char* text : {"error:", "error:300 x", "error:55 x", "error:550", "error:5500 x"}) {
    EXPECT_EQ(targets_of(text), error) << text;
  }
  EXPECT_EQ(targets_of("two words"), "! \"two words\" is not a user or address");
  EXPECT_EQ(targets_of("\"quoted\"@example.org"),
            "! \"\"quoted\"@example.org\" is not a user or address");
  EXPECT_EQ(targets_of("@example.org"), "! \"@example.org\" is not a user or address");
  EXPECT_EQ(targets_of("a@"), "! \"a@\" has no valid domain");
  EXPECT_EQ(targets_of("a@b c"), "! \"a@b c\" has no valid domain");
}

TEST(Alias, RowsAreChecked) {
  const auto table = Table::from_file_text("t", "a: b\nc: |x\nd: ,\ne: f, /g\n");
  ASSERT_TRUE(table);
  const auto errors = check_alias_rows(*table);
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_EQ(errors[0].line, 2U);
  EXPECT_EQ(errors[1].text, "an alias without a target");
  EXPECT_EQ(errors[2].source_line, "e: f, /g");
}

}  // namespace
}  // namespace ringpost::conf
