// Offline files: what was written comes back, and nothing else is believed.
#include "proto/submission/offline_file.h"

#include <gtest/gtest.h>

namespace ringpost::submission {
namespace {

OfflineMessage sample() {
  OfflineMessage message;
  message.uid = 1000;
  Submission& one = message.submission;
  one.sender = "alice@host.example";
  one.recipients = {"bob@b.example", "\"a b\"@c.example", "postmaster"};
  one.notify.bits = 6;
  one.ret = smtp::ReturnContent::Headers;
  one.envelope_id = "a+20b";
  one.smtputf8 = true;
  one.content = "Subject: x\r\n\r\nuid 0\r\n";
  return message;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, text.npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(OfflineFile, RoundTrip) {
  OfflineMessage message = sample();
  EXPECT_EQ(decode_offline(encode_offline(message)), message);
  message.submission.sender = "";
  message.submission.notify.bits = 0;
  message.submission.ret = smtp::ReturnContent::Unspecified;
  message.submission.envelope_id = "";
  message.submission.smtputf8 = false;
  message.submission.eight_bit = true;
  message.submission.content = std::string("\0\x80\r\n", 4);
  EXPECT_EQ(decode_offline(encode_offline(message)), message);
}

TEST(OfflineFile, NoPartOfAFileIsBelieved) {
  const std::string whole = encode_offline(sample());
  for (std::size_t octets = 0; octets < whole.size(); ++octets)
    EXPECT_FALSE(decode_offline(std::string_view(whole).substr(0, octets))) << octets;
  EXPECT_FALSE(decode_offline(whole + "x"));
  EXPECT_FALSE(decode_offline("x" + whole));
}

TEST(OfflineFile, WhatDoesNotFitIsRefused) {
  const std::string whole = encode_offline(sample());
  const auto with = [&whole](std::string_view what, std::string_view by) {
    return decode_offline(replaced(whole, what, by)).has_value();
  };
  EXPECT_FALSE(with("offline 1", "offline 2"));
  EXPECT_FALSE(with("uid 1000", "uid -1"));
  EXPECT_FALSE(with("uid 1000", "uid 4294967296"));
  EXPECT_FALSE(with("from alice@host.example", "from alice"));
  EXPECT_FALSE(with("from alice@host.example", "from <alice@host.example>"));
  EXPECT_FALSE(with("bob@b.example", "bob@B.example")) << "not as it is printed";
  EXPECT_FALSE(with("to bob@b.example", "to bob@b.example RCPT TO:<x@y>"));
  EXPECT_FALSE(with("notify 6", "notify 16"));
  EXPECT_FALSE(with("return headers", "return all"));
  EXPECT_FALSE(with("envid a+20b", "envid a b"));
  EXPECT_FALSE(with("flags 1", "flags 4"));
  EXPECT_FALSE(with("crc32c ", "crc32c 0"));
  EXPECT_FALSE(with("Subject", "subject"));
  EXPECT_FALSE(with("to bob@b.example\n", "to bob@b.example\r\n"));
}

TEST(OfflineFile, NeedsARecipientAndAWholeLastLine) {
  OfflineMessage message = sample();
  message.submission.recipients.clear();
  EXPECT_FALSE(decode_offline(encode_offline(message)));
  message = sample();
  message.submission.content = "no line end";
  EXPECT_FALSE(decode_offline(encode_offline(message)));
  message.submission.content = "";
  EXPECT_FALSE(decode_offline(encode_offline(message)));
}

TEST(OfflineFile, NotMoreRecipientsThanAllowed) {
  OfflineMessage message = sample();
  message.submission.recipients.assign(recipients_max, "a@b.example");
  EXPECT_TRUE(decode_offline(encode_offline(message)));
  message.submission.recipients.emplace_back("a@b.example");
  EXPECT_FALSE(decode_offline(encode_offline(message)));
}

}  // namespace
}  // namespace ringpost::submission
