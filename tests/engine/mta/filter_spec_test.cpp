// Which processes a configuration uses, for whom, and what keeps them from being run.
#include "engine/mta/filter_spec.h"

#include <gtest/gtest.h>

#include "proto/conf/parse.h"

namespace ringpost::mta {
namespace {

conf::Config parsed(const std::string& text) {
  conf::FileReader read = [](const std::string& path) -> std::expected<std::string, Fault> {
    return std::unexpected(Fault{"open", ENOENT, path});
  };
  auto result = conf::parse({.path = "smtpd.conf", .text = text, .server_name = "mx.test"}, read);
  EXPECT_TRUE(result.config);
  return result.config ? std::move(*result.config) : conf::Config();
}

TEST(FilterSpec, WhoUsesWhat) {
  const conf::Config config = parsed(
      "engine user _mail\nadmd \"example.org\"\nsmtp limit idle-timeout 2m\n"
      "proc both \"filter-both -v\" user _a group _b chroot \"/srv\"\n"
      "filter one proc both\nfilter two proc-exec \"filter-two\"\n"
      "filter three proc-exec \"filter-three\"\nfilter none proc-exec \"filter-none\"\n"
      "filter all chain { one, two }\n"
      "listen on 127.0.0.1 filter all\nlisten on 127.0.0.1 port 2525\n"
      "action out relay filter { three, one }\nmatch for any action out\n");
  const auto used = used_filters(config);
  ASSERT_EQ(used.size(), 3u);
  EXPECT_EQ(used[0].spec.program,
            (process::FilterProgram{"both", "filter-both -v", "_a", "_b", "/srv"}));
  EXPECT_TRUE(used[0].spec.smtp_in && used[0].spec.smtp_out);
  EXPECT_EQ(used[0].spec.admd, "example.org");
  EXPECT_EQ(used[0].spec.session_timeout, seconds(120));
  EXPECT_EQ(used[1].spec.program, (process::FilterProgram{"two", "filter-two", "_mail", "", ""}));
  EXPECT_TRUE(used[1].spec.smtp_in && !used[1].spec.smtp_out);
  EXPECT_EQ(used[2].spec.program.name, "three");
  EXPECT_TRUE(!used[2].spec.smtp_in && used[2].spec.smtp_out);
}

TEST(FilterSpec, Problems) {
  conf::FilterProcess filter;
  filter.command = "/bin/sh -v";
  EXPECT_EQ(problems_of_filter(filter), std::vector<std::string>{});
  filter.user = "root";
  EXPECT_EQ(problems_of_filter(filter), std::vector<std::string>{"filters are not run as root"});
  filter.user = "no-such-user";
  filter.group = "no-such-group";
  filter.command = "/no/such/filter";
  EXPECT_EQ(
      problems_of_filter(filter),
      (std::vector<std::string>{"there is no user no-such-user", "there is no group no-such-group",
                                "/no/such/filter is no program that can be run"}));
  filter = {};
  filter.command = "/sh";
  filter.chroot = "/bin";
  EXPECT_EQ(problems_of_filter(filter), std::vector<std::string>{});
  filter.chroot = "bin";
  EXPECT_EQ(problems_of_filter(filter),
            std::vector<std::string>{"the folder bin must be absolute"});
  filter.chroot = "/no/such/folder";
  EXPECT_EQ(problems_of_filter(filter),
            std::vector<std::string>{"there is no folder /no/such/folder"});
}

}  // namespace
}  // namespace ringpost::mta
