// The command line of ringpostd: every option, every way to write it, every error.
#include "tools/ringpostd/command_line.h"

#include <gtest/gtest.h>

namespace ringpost::tools {
namespace {

using Words = std::vector<const char*>;

DaemonOptions taken(const Words& words, std::string_view home = {}) {
  const auto options = parse_daemon_options(words, home);
  EXPECT_TRUE(options) << options.error();
  return options.value_or(DaemonOptions{});
}

std::string refused(const Words& words, std::string_view home = {}) {
  const auto options = parse_daemon_options(words, home);
  EXPECT_FALSE(options);
  return options ? "" : options.error();
}

TEST(DaemonCommandLineTest, NothingMeansTheDefaults) {
  const DaemonOptions options = taken({});
  EXPECT_FALSE(options.foreground || options.check_only || options.verbose || options.help);
  EXPECT_TRUE(options.config_file.empty() && options.home.empty() && options.resolver.empty());
  EXPECT_TRUE(options.macros.empty());
}

TEST(DaemonCommandLineTest, FlagsAloneAndTogether) {
  EXPECT_TRUE(taken({"-d"}).foreground);
  EXPECT_TRUE(taken({"-n"}).check_only);
  EXPECT_TRUE(taken({"-v"}).verbose);
  EXPECT_TRUE(taken({"-h"}).help);
  EXPECT_TRUE(taken({"--help"}).help);
  const DaemonOptions all = taken({"-dnv"});
  EXPECT_TRUE(all.foreground && all.check_only && all.verbose && !all.help);
}

TEST(DaemonCommandLineTest, ValuesFollowOrAdjoin) {
  EXPECT_EQ(taken({"-f", "/etc/a.conf"}).config_file, "/etc/a.conf");
  EXPECT_EQ(taken({"-f/etc/a.conf"}).config_file, "/etc/a.conf");
  const DaemonOptions both = taken({"-dnf", "x.conf"});
  EXPECT_TRUE(both.foreground && both.check_only);
  EXPECT_EQ(both.config_file, "x.conf");
  EXPECT_EQ(taken({"-f", "a", "-f", "b"}).config_file, "b");
  EXPECT_EQ(taken({"-f", "-d"}).config_file, "-d");
}

TEST(DaemonCommandLineTest, Macros) {
  const DaemonOptions options = taken({"-D", "port=2525", "-Dhost_1=a=b", "-D", "none="});
  ASSERT_EQ(options.macros.size(), 3u);
  EXPECT_EQ(options.macros[0], std::pair(std::string("port"), std::string("2525")));
  EXPECT_EQ(options.macros[1], std::pair(std::string("host_1"), std::string("a=b")));
  EXPECT_EQ(options.macros[2], std::pair(std::string("none"), std::string()));
  for (const char* wrong : {"port", "=2525", "1a=b", "a-b=c", ""})
    EXPECT_NE(refused({"-D", wrong}).find("-D takes name=value"), std::string::npos) << wrong;
}

TEST(DaemonCommandLineTest, Traces) {
  EXPECT_TRUE(taken({"-T", "smtp"}).verbose);
  EXPECT_TRUE(taken({"-Tall"}).verbose);
  EXPECT_NE(refused({"-T", "imsg"}).find("-T imsg"), std::string::npos);
}

TEST(DaemonCommandLineTest, Resolver) {
  EXPECT_EQ(taken({"-R", "127.0.0.1:5353"}).resolver, "127.0.0.1:5353");
  EXPECT_EQ(taken({"-R", "[::1]:53"}).resolver, "[::1]:53");
  for (const char* wrong : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
                            "localhost:53", ":53", "[::1]"})
    EXPECT_NE(refused({"-R", wrong}).find("-R takes ADDR:PORT"), std::string::npos) << wrong;
}

TEST(DaemonCommandLineTest, Home) {
  EXPECT_EQ(taken({"--home", "/srv/mail"}).home, "/srv/mail");
  EXPECT_EQ(taken({"--home=/srv/mail"}).home, "/srv/mail");
  EXPECT_EQ(taken({}, "/from/environment").home, "/from/environment");
  EXPECT_EQ(taken({"--home", "/srv/mail"}, "/from/environment").home, "/srv/mail");
  EXPECT_NE(refused({"--home", "mail"}).find("absolute path"), std::string::npos);
  EXPECT_NE(refused({"--home="}).find("absolute path"), std::string::npos);
  EXPECT_TRUE(refused({}, "relative").starts_with("RINGPOST_HOME: "));
}

TEST(DaemonCommandLineTest, WhatIsNoOption) {
  EXPECT_EQ(refused({"-x"}), "no option -x");
  EXPECT_EQ(refused({"-dx"}), "no option -x");
  EXPECT_EQ(refused({"--homes"}), "no option --homes");
  EXPECT_EQ(refused({"smtpd.conf"}), "\"smtpd.conf\" is not an option");
  EXPECT_EQ(refused({"-"}), "\"-\" is not an option");
  EXPECT_EQ(refused({""}), "\"\" is not an option");
}

TEST(DaemonCommandLineTest, AMissingValueIsNamed) {
  EXPECT_EQ(refused({"-f"}), "-f needs a value");
  EXPECT_EQ(refused({"-d", "-D"}), "-D needs a value");
  EXPECT_EQ(refused({"-T"}), "-T needs a value");
  EXPECT_EQ(refused({"-R"}), "-R needs a value");
  EXPECT_EQ(refused({"--home"}), "--home needs a value");
}

TEST(DaemonCommandLineTest, TheUsageNamesEveryOption) {
  for (const std::string_view option : {"-dnv", "-f", "-D", "-T", "-R", "--home"})
    EXPECT_NE(daemon_usage.find(option), std::string_view::npos) << option;
}

TEST(DaemonCommandLineTest, ExplainsWithTheCheck) {
  EXPECT_FALSE(taken({"-n"}).explain);
  const DaemonOptions options =
      taken({"-n", "--explain", "", "bob@example.org", "--client", "192.0.2.1", "--auth", "alice",
             "--tag", "t", "--helo", "h", "-f", "x"});
  ASSERT_TRUE(options.explain);
  EXPECT_EQ(options.explain->sender, "");
  EXPECT_EQ(options.explain->recipient, "bob@example.org");
  EXPECT_EQ(options.explain->client, "192.0.2.1");
  EXPECT_EQ(options.explain->user, "alice");
  EXPECT_EQ(options.explain->tag, "t");
  EXPECT_EQ(options.explain->helo, "h");
  EXPECT_EQ(options.config_file, "x");
  EXPECT_EQ(refused({"--explain", "a", "b"}), "--explain goes with -n");
  EXPECT_EQ(refused({"-n", "--explain", "a"}), "--explain takes two addresses, FROM and RCPT");
  EXPECT_EQ(refused({"-n", "--client", "x"}), "--client takes an IP address, not \"x\"");
  EXPECT_EQ(refused({"-n", "--auth"}), "--auth needs a value");
}

}  // namespace
}  // namespace ringpost::tools
