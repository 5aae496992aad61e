// What sendmail(8) makes of arguments and text.
#include "proto/submission/compose.h"

#include <gtest/gtest.h>

namespace ringpost::submission {
namespace {

ComposeInput usual(std::string_view text) {
  ComposeInput input;
  input.text = text;
  input.recipients = {"bob@b.example"};
  input.full_name = "Alice Example";
  input.user = "alice";
  input.host = "host.example";
  input.now = {1'795'391'000'000'000};
  input.unique = 0x1234;
  return input;
}

Submission composed(const ComposeInput& input) {
  const auto result = compose(input);
  EXPECT_TRUE(result) << result.error().text;
  return result ? *result : Submission();
}

std::string complaint(const ComposeInput& input) {
  const auto result = compose(input);
  return result ? "none" : result.error().text;
}

TEST(Compose, AddsWhatIsMissing) {
  const Submission made = composed(usual("Subject: hello\n\ntext\n"));
  EXPECT_EQ(made.content,
            "Subject: hello\r\n"
            "From: Alice Example <alice@host.example>\r\n"
            "Date: Sun, 22 Nov 2026 23:43:20 +0000\r\n"
            "Message-ID: <6b037e18.0000000000001234@host.example>\r\n"
            "\r\ntext\r\n");
  EXPECT_EQ(made.sender, "alice@host.example");
  EXPECT_EQ(made.recipients, std::vector<std::string>{"bob@b.example"});
  EXPECT_FALSE(made.smtputf8);
  EXPECT_FALSE(made.eight_bit);
}

TEST(Compose, KeepsWhatIsThere) {
  const std::string_view header =
      "from: x@y.example\r\nDATE: yesterday\r\nMessage-Id: <1@x>\r\nX-Folded: a\r\n\tb\r\n";
  const Submission made = composed(usual(std::string(header) + "\r\n"));
  EXPECT_EQ(made.content, std::string(header) + "\r\n");
}

TEST(Compose, ATextWithoutHeaderIsABody) {
  const Submission made = composed(usual("no field here\nat all"));
  EXPECT_TRUE(made.content.starts_with("From: Alice Example <alice@host.example>\r\n"));
  EXPECT_TRUE(made.content.ends_with("\r\n\r\nno field here\r\nat all\r\n"));
  EXPECT_TRUE(composed(usual("")).content.ends_with("@host.example>\r\n\r\n"));
}

TEST(Compose, LineEndsBecomeCrlf) {
  const Submission made = composed(usual("A: 1\n 2\r\n\na\r\nb\n\nc\rd\n"));
  EXPECT_TRUE(made.content.starts_with("A: 1\r\n 2\r\n"));
  EXPECT_TRUE(made.content.ends_with("\r\n\r\na\r\nb\r\n\r\nc\rd\r\n"));
}

TEST(Compose, RecipientsOfTheHeader) {
  ComposeInput input = usual(
      "To: Carol <carol@c.example>, bob@b.example\nCc: dave\n"
      "Bcc: Eve <eve@e.example>,\n frank@f.example\nBcc: grace@g.example\n\nx\n");
  EXPECT_EQ(composed(input).recipients, std::vector<std::string>{"bob@b.example"});
  input.recipients_from_header = true;
  const Submission made = composed(input);
  EXPECT_EQ(made.recipients,
            (std::vector<std::string>{"bob@b.example", "carol@c.example", "dave@host.example",
                                      "eve@e.example", "frank@f.example", "grace@g.example"}));
  EXPECT_FALSE(made.content.contains("Bcc"));
  EXPECT_FALSE(made.content.contains("eve@"));
  EXPECT_FALSE(made.content.contains("frank@"));
  EXPECT_TRUE(made.content.contains("\r\nCc: dave@host.example\r\n"));
}

TEST(Compose, BlindCopiesAreNeverInTheHeader) {
  const Submission made =
      composed(usual("bcc : eve@e.example\nResent-Bcc: x@y\nReturn-Path: <z>\n\nx"));
  EXPECT_TRUE(made.content.starts_with("From: ")) << made.content;
}

// RFC 5322 3.6.6
TEST(Compose, AMessageSentAgainGoesToTheNewRecipients) {
  ComposeInput input = usual("To: carol@c.example\nResent-To: dave@d.example\n\nx\n");
  input.recipients.clear();
  input.recipients_from_header = true;
  EXPECT_EQ(composed(input).recipients, std::vector<std::string>{"dave@d.example"});
}

TEST(Compose, AddressesWithoutADomainGetTheHosts) {
  ComposeInput input = usual("From: root (Cron Daemon)\nTo: root, Bob <bob>, c@c.example\n\nx\n");
  input.recipients = {"root,bob", "postmaster"};
  const Submission made = composed(input);
  EXPECT_TRUE(
      made.content.starts_with("From: root@host.example (Cron Daemon)\r\n"
                               "To: root@host.example, Bob <bob@host.example>, c@c.example\r\n"))
      << made.content;
  EXPECT_EQ(made.sender, "root@host.example");
  EXPECT_EQ(made.recipients, (std::vector<std::string>{"root@host.example", "bob@host.example",
                                                       "postmaster@host.example"}));
}

TEST(Compose, AListThatIsNotUnderstoodStays) {
  const Submission made = composed(usual("To: a b c\nFrom: a b c\n\nx\n"));
  EXPECT_TRUE(made.content.starts_with("To: a b c\r\nFrom: a b c\r\n"));
  EXPECT_EQ(made.sender, "alice@host.example");
}

TEST(Compose, TheSender) {
  ComposeInput input = usual("From: Some <some@one.example>\n\nx\n");
  EXPECT_EQ(composed(input).sender, "some@one.example");
  for (const char* null : {"", "<>"}) {
    input.sender = null;
    EXPECT_EQ(composed(input).sender, "");
  }
  input.sender = "<x@y.example>";
  EXPECT_EQ(composed(input).sender, "x@y.example");
  input.sender = "Some One <www-data>";
  EXPECT_EQ(composed(input).sender, "www-data@host.example");
  input.text = "Subject: x\n\n";
  EXPECT_TRUE(composed(input).content.contains("From: Alice Example <www-data@host.example>\r\n"));
  input.sender = "";
  EXPECT_TRUE(composed(input).content.contains("From: Alice Example <alice@host.example>\r\n"));
}

TEST(Compose, WhatIsNoAddressIsRefused) {
  ComposeInput input = usual("To: a b\n\nx\n");
  input.sender = "a b";
  EXPECT_EQ(complaint(input), "\"a b\" is not an address");
  input.sender.reset();
  for (const char* bad : {"a@b@c", "x@-", "a..b@c.example", "|/bin/sh", "<>", "a b"}) {
    input.recipients = {bad};
    const auto result = compose(input);
    const bool pipe_is_a_local_part = std::string_view(bad) == "|/bin/sh";
    EXPECT_EQ(result.has_value(), pipe_is_a_local_part) << bad;
  }
  input.recipients.clear();
  EXPECT_EQ(complaint(input), "no recipients");
  EXPECT_EQ(compose(input).error().kind, Complaint::Kind::NoRecipients);
  input.recipients_from_header = true;
  EXPECT_EQ(compose(input).error().kind, Complaint::Kind::BadAddress);
}

TEST(Compose, TooManyRecipients) {
  ComposeInput input = usual("\nx");
  input.recipients.clear();
  for (std::size_t i = 0; i <= recipients_max; ++i)
    input.recipients.push_back(std::to_string(i) + "@c.example");
  EXPECT_EQ(complaint(input), "more than 10000 recipients");
}

TEST(Compose, Utf8IsNoticed) {
  EXPECT_TRUE(composed(usual("Subject: ä\n\n")).eight_bit);
  ComposeInput input = usual("\nx\n");
  input.recipients = {"jürgen@bücher.example"};
  EXPECT_TRUE(composed(input).smtputf8);
}

TEST(Compose, NamesInTheFromField) {
  const auto from = [](std::string name) {
    ComposeInput input = usual("\n");
    input.full_name = std::move(name);
    const std::string content = composed(input).content;
    return content.substr(0, content.find("\r\nDate"));
  };
  EXPECT_EQ(from(""), "From: alice@host.example");
  EXPECT_EQ(from("O'Neill"), "From: O'Neill <alice@host.example>");
  EXPECT_EQ(from("A. \"B\" \\C"), "From: \"A. \\\"B\\\" \\\\C\" <alice@host.example>");
  EXPECT_EQ(from("evil\r\nBcc: x@y"), "From: \"evilBcc: x@y\" <alice@host.example>");
  EXPECT_EQ(from("Jürgen"), "From: =?UTF-8?B?SsO8cmdlbg==?= <alice@host.example>");
  EXPECT_EQ(from("\xff"), "From: ? <alice@host.example>");
  std::string long_name;
  for (int i = 0; i < 30; ++i) long_name += "ä";
  EXPECT_EQ(from(long_name),
            "From: =?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?=\r\n"
            " =?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpA==?= <alice@host.example>");
}

TEST(Compose, ASingleDotEndsTheInput) {
  const auto until = [](std::string_view text) {
    for (std::size_t seen = 0; seen < text.size(); ++seen) {
      DotWatch watch;
      if (watch.look(text.substr(0, seen), false)) EXPECT_GT(seen, 0u);
      const auto end = watch.look(text, true);
      EXPECT_EQ(end, DotWatch().look(text, true));
    }
    return std::string(text.substr(0, DotWatch().look(text, true).value_or(text.size())));
  };
  EXPECT_EQ(until("a\n.\nb\n"), "a\n");
  EXPECT_EQ(until("a\r\n.\r\nb"), "a\r\n");
  EXPECT_EQ(until(".\n"), "");
  EXPECT_EQ(until("a\n."), "a\n");
  EXPECT_EQ(until("a.\n..\n. \n"), "a.\n..\n. \n");
  EXPECT_FALSE(DotWatch().look("a\n.", false));
}

TEST(Compose, Xtext) { EXPECT_EQ(xtext("a+b=c d~\xc3"), "a+2Bb+3Dc+20d~+C3"); }

}  // namespace
}  // namespace ringpost::submission
