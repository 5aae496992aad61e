// The options that programs give sendmail(8).
#include "tools/ringpostctl/sendmail_options.h"

#include <gtest/gtest.h>

namespace ringpost::ctl {
namespace {

using Words = std::vector<std::string>;

SendmailOptions parsed(const Words& words) {
  const auto options = parse_sendmail(words);
  EXPECT_TRUE(options) << options.error();
  return options.value_or(SendmailOptions());
}

std::string complaint(const Words& words) {
  const auto options = parse_sendmail(words);
  return options ? "none" : options.error();
}

TEST(SendmailOptions, WhatProgramsUse) {
  const SendmailOptions options =
      parsed({"-ti", "-oi", "-oem", "-f", "www@x", "-FWeb Server", "-odb", "bob", "-v", "carol"});
  EXPECT_EQ(options.mode, SendmailMode::Deliver);
  EXPECT_TRUE(options.recipients_from_header);
  EXPECT_FALSE(options.dot_ends_input);
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(options.sender, "www@x");
  EXPECT_EQ(options.full_name, "Web Server");
  EXPECT_EQ(options.recipients, (Words{"bob", "carol"}));
}

TEST(SendmailOptions, Defaults) {
  const SendmailOptions options = parsed({"bob"});
  EXPECT_TRUE(options.dot_ends_input);
  EXPECT_FALSE(options.recipients_from_header);
  EXPECT_FALSE(options.sender);
  EXPECT_FALSE(options.full_name);
}

TEST(SendmailOptions, TheDotIsIgnoredByEitherSpelling) {
  for (const char* word : {"-i", "-oi", "-mi", "-vi"})
    EXPECT_FALSE(parsed({word}).dot_ends_input) << word;
  EXPECT_FALSE(parsed({"-o", "i"}).dot_ends_input);
  EXPECT_TRUE(parsed({"-om"}).dot_ends_input);
}

TEST(SendmailOptions, Senders) {
  EXPECT_EQ(parsed({"-fa@b"}).sender, "a@b");
  EXPECT_EQ(parsed({"-r", "a@b"}).sender, "a@b");
  EXPECT_EQ(parsed({"-f", ""}).sender, "");
  EXPECT_EQ(parsed({"-f", "-v"}).sender, "-v");
}

TEST(SendmailOptions, Modes) {
  EXPECT_EQ(parsed({"-bm"}).mode, SendmailMode::Deliver);
  EXPECT_EQ(parsed({"-bs"}).mode, SendmailMode::Dialogue);
  EXPECT_EQ(parsed({"-b", "p"}).mode, SendmailMode::ListQueue);
  EXPECT_EQ(parsed({"-bi"}).mode, SendmailMode::NewAliases);
  EXPECT_EQ(parsed({"-q"}).mode, SendmailMode::Flush);
  EXPECT_EQ(parsed({"-q15m"}).mode, SendmailMode::Flush);
  EXPECT_EQ(complaint({"-bd"}), "the daemon is ringpostd, see ringpostd(8)");
  EXPECT_EQ(complaint({"-bt"}), "-bt is not supported: only -bm, -bs, -bp and -bi are");
}

TEST(SendmailOptions, WhatHasNoMeaningHereIsTaken) {
  const SendmailOptions options = parsed({"-Ac", "-B8BITMIME", "-C",    "/etc/x", "-h",
                                          "3",   "-n",         "-U",    "-G",     "-L",
                                          "tag", "-p",         "ESMTP", "-O",     "DeliveryMode=b",
                                          "-X",  "/log",       "-em",   "-d0.1",  "-x",
                                          "-m",  "bob"});
  EXPECT_EQ(options.recipients, Words{"bob"});
}

TEST(SendmailOptions, Reports) {
  const SendmailOptions options = parsed({"-N", "success,delay", "-Rhdrs", "-V", "id 1"});
  EXPECT_EQ(options.notify.bits, smtp::NotifySet::success | smtp::NotifySet::delay);
  EXPECT_EQ(options.ret, smtp::ReturnContent::Headers);
  EXPECT_EQ(options.envelope_id, "id 1");
  EXPECT_NE(complaint({"-N", "sometimes"}), "none");
  EXPECT_NE(complaint({"-R", "half"}), "none");
}

TEST(SendmailOptions, WhereOptionsEnd) {
  EXPECT_EQ(parsed({"-i", "--", "-t", "bob"}).recipients, (Words{"-t", "bob"}));
  EXPECT_EQ(parsed({"-"}).recipients, Words{"-"});
}

TEST(SendmailOptions, WrongOnes) {
  EXPECT_EQ(complaint({"-Q"}), "unknown option -Q");
  EXPECT_EQ(complaint({"-iZ"}), "unknown option -Z");
  EXPECT_EQ(complaint({"bob", "-f"}), "option -f needs a value");
  EXPECT_EQ(complaint({"--help"}), "unknown option --");
}

}  // namespace
}  // namespace ringpost::ctl
