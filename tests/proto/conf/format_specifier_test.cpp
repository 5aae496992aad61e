// %{...}: values, substrings, modifiers, and that no value of a peer leaves the folder.
#include "proto/conf/format_specifier.h"

#include <gtest/gtest.h>

namespace ringpost::conf {
namespace {

const FormatValues values{
    .sender = {"Alice", "example.com"},
    .recipient = {"Bob+Lists", "Example.Org"},
    .destination = {"bob+lists", "example.org"},
    .username = "bob",
    .directory = "/home/bob",
};

std::string expand(std::string_view text, const FormatValues& with = values) {
  const auto format = FormatString::parse(text);
  if (!format)
    return "error at " + std::to_string(format.error().offset) + ": " + format.error().text;
  return format->expand(with).value_or("none");
}

TEST(FormatSpecifier, Values) {
  EXPECT_EQ(expand("~/Maildir"), "/home/bob/Maildir");
  EXPECT_EQ(expand("%{user.directory}/%{USER.USERNAME}"), "/home/bob/bob");
  EXPECT_EQ(expand("/v/%{dest.domain}/%{dest.user}"), "/v/example.org/bob+lists");
  EXPECT_EQ(expand("/%{sender}|%{rcpt}|%{dest}|%{mbox.from}"),
            "/Alice@example.com|Bob+Lists@Example.Org|bob+lists@example.org|Alice@example.com");
  EXPECT_EQ(expand("/%{sender.user}%%{x}%"), "/Alice%{x}%");
  EXPECT_EQ(expand("/%{rcpt.user:lowercase}/%{rcpt.domain:uppercase}"), "/bob+lists/EXAMPLE.ORG");
  EXPECT_EQ(expand("/%{rcpt:strip|lowercase}"), "/bob@example.org");
  EXPECT_EQ(expand("/%{rcpt.user:strip}"), "/Bob");
  FormatValues null_sender = values;
  null_sender.sender = {};
  EXPECT_EQ(expand("/%{sender}.%{mbox.from}", null_sender), "/.MAILER-DAEMON");
}

TEST(FormatSpecifier, Substrings) {
  EXPECT_EQ(expand("/%{dest.domain[0]}"), "/e");
  EXPECT_EQ(expand("/%{dest.domain[0:1]}"), "/ex");
  EXPECT_EQ(expand("/%{dest.domain[8:]}"), "/org");
  EXPECT_EQ(expand("/%{dest.domain[:2]}"), "/exa");
  EXPECT_EQ(expand("/%{dest.domain[-3:]}"), "/org");
  EXPECT_EQ(expand("/%{dest.domain[-1]}"), "/g");
  EXPECT_EQ(expand("/%{dest.domain[0:-5]:uppercase}"), "/EXAMPLE");
  EXPECT_EQ(expand("/%{dest.domain[0:900]}"), "/example.org");
  EXPECT_EQ(expand("/%{dest.domain[11]}"), "none");
  EXPECT_EQ(expand("/%{dest.domain[-12]}"), "none");
  EXPECT_EQ(expand("/%{dest.domain[3:2]}"), "none");
  FormatValues empty = values;
  empty.destination = {};
  EXPECT_EQ(expand("/%{dest.user[0]}x", empty), "/x");
}

TEST(FormatSpecifier, UnsafeOctetsBecomeColons) {
  const auto with_user = [](std::string_view user) {
    FormatValues hostile = values;
    hostile.destination = {user, "example.org"};
    return hostile;
  };
  EXPECT_EQ(expand("/v/%{dest.user}", with_user("../../etc")), "/v/..:..:etc");
  EXPECT_EQ(expand("/v/%{dest.user}/x", with_user("..")), "/v/::/x");
  EXPECT_EQ(expand("/v/%{dest.user[0:1]}/x", with_user("..x")), "/v/::/x");
  EXPECT_EQ(expand("/v/%{dest.user}", with_user(".")), "/v/:");
  EXPECT_EQ(expand("/v/%{dest.user}", with_user("a b$c`d;e|f\n")), "/v/a:b:c:d:e:f:");
  EXPECT_EQ(expand("/v/%{dest.user:raw}", with_user("a b/c$d")), "/v/a b:c:d");
  EXPECT_EQ(expand("/v/%{dest.user}", with_user(std::string_view("a\0b", 3))), "/v/a:b");
  FormatValues for_shell = with_user("a;b|c");
  EXPECT_EQ(expand("mda %{dest.user:raw}", for_shell), "mda a;b|c");
  for_shell.for_shell = true;
  EXPECT_EQ(expand("mda %{dest.user:raw}", for_shell), "mda a:b:c");
  for_shell = with_user("-oQ-x");
  EXPECT_EQ(expand("mda %{dest.user}", for_shell), "mda -oQ-x");
  for_shell.for_shell = true;
  EXPECT_EQ(expand("mda %{dest.user} '%{dest.user}' \"%{dest.user}\"", for_shell),
            "mda :oQ-x ':oQ-x' \":oQ-x\"");
  EXPECT_EQ(expand("%{dest.user} -f%{dest.user} x-%{dest.user[3:]}", for_shell),
            ":oQ-x -f-oQ-x x--x");
  EXPECT_EQ(expand("mda %{dest.user[3:]}", for_shell), "mda :x");
}

TEST(FormatSpecifier, ErrorsHaveTheirPlace) {
  EXPECT_EQ(expand("/%{dest.user"), "error at 1: missing '}'");
  EXPECT_EQ(expand("/a%{nosuch}"), "error at 2: unknown format specifier %{nosuch}");
  EXPECT_EQ(expand("/%{}"), "error at 1: unknown format specifier %{}");
  EXPECT_EQ(expand("/%{dest[}"), "error at 1: missing ']' of a substring");
  EXPECT_EQ(expand("/%{dest[]}"), "error at 1: invalid substring []");
  EXPECT_EQ(expand("/%{dest[x]}"), "error at 1: invalid substring [x]");
  EXPECT_EQ(expand("/%{dest[1:y]}"), "error at 1: invalid substring [1:y]");
  EXPECT_EQ(expand("/%{dest[99999]}"), "error at 1: invalid substring [99999]");
  EXPECT_EQ(expand("/%{dest[0]x}"), "error at 1: expected ':' and a modifier, or '}'");
  EXPECT_EQ(expand("/%{dest:}"), "error at 1: unknown modifier \"\"");
  EXPECT_EQ(expand("/%{dest:strip|huh}"), "error at 1: unknown modifier \"huh\"");
}

TEST(FormatSpecifier, KnowsItsShape) {
  EXPECT_TRUE(FormatString::parse("/x")->is_absolute());
  EXPECT_TRUE(FormatString::parse("~/x")->is_absolute());
  EXPECT_TRUE(FormatString::parse("%{user.directory}/x")->is_absolute());
  EXPECT_FALSE(FormatString::parse("x")->is_absolute());
  EXPECT_FALSE(FormatString::parse("%{dest.user}")->is_absolute());
  EXPECT_FALSE(FormatString::parse("")->is_absolute());
  EXPECT_TRUE(FormatString::parse("/%{dest.domain}")->depends_on_destination());
  EXPECT_FALSE(FormatString::parse("/%{rcpt.domain}")->depends_on_destination());
}

TEST(FormatSpecifier, AResultThatIsTooLongIsNone) {
  const std::string user(4000, 'a');
  FormatValues long_values = values;
  long_values.destination = {user, "example.org"};
  EXPECT_EQ(expand("/%{dest.user}", long_values).size(), 4001U);
  EXPECT_EQ(expand("/%{dest.user}%{dest.user}", long_values), "none");
}

TEST(FormatString, TheCommandInsideAWrapperStaysAsItIs) {
  const auto wrapper = FormatString::parse("/usr/bin/time %{mda} 2>&1");
  ASSERT_TRUE(wrapper);
  EXPECT_EQ(wrapper->expand({.sender = {},
                             .recipient = {},
                             .destination = {},
                             .username = "u",
                             .directory = "/home/u",
                             .mda = "/bin/x 'a b' | y"}),
            "/usr/bin/time /bin/x 'a b' | y 2>&1");
}

TEST(FormatString, AnUnusableOneGivesNothing) {
  const FormatString broken = FormatString::unusable("%{nosuch}");
  EXPECT_TRUE(broken.is_unusable());
  EXPECT_EQ(broken.text(), "%{nosuch}");
  EXPECT_EQ(broken.expand({.sender = {},
                           .recipient = {},
                           .destination = {},
                           .username = "u",
                           .directory = "/home/u"}),
            std::nullopt);
}

}  // namespace
}  // namespace ringpost::conf
