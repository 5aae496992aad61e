// A decision's record: what was put in comes out, what is too long is cut, what is foreign is
// refused.
#include "store/decision/record.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

struct Encoded {
  std::vector<std::byte> octets = std::vector<std::byte>(decision_octets_max);
  explicit Encoded(const DecisionRecord& record) { octets.resize(encode(record, octets)); }
};

DecisionRecord full_record() {
  return {.id = {0x0100000000000007},
          .session = 0x0100000000000003,
          .at = {1'790'000'000'000'000},
          .verdict = DecisionVerdict::Refused,
          .stage = Stage::Rcpt,
          .is_junk = true,
          .code = 550,
          .reply = "5.7.1 No way",
          .client = "192.0.2.7",
          .name_state = NameState::Confirmed,
          .client_name = "mx.example.org",
          .listener = "lo",
          .tag = "mx",
          .hello = "mx.example.org",
          .tls = "TLSv1.3",
          .user = "alice",
          .has_sender = true,
          .sender = "alice@example.org",
          .recipients_accepted = 17,
          .recipients = {{"bob@example.com", "12"}, {"carl@example.com", "other.conf:3"}},
          .refused = {"dora@example.com", "14"},
          .says = {{.phase = filter::Phase::MailFrom,
                    .filter = "nobody",
                    .word = "reject",
                    .text = "550 No way"},
                   {.phase = filter::Phase::RcptTo,
                    .filter = "rspamd",
                    .word = "undecided",
                    .reason = "it is not running"}},
          .lookups = {{"table users key alice", "found"}},
          .authentication = {{"spf", "pass", "example.org"}},
          .spent_us = {1, 0, 0, 200, 70'000, 0, 0, 4'000'000, 9},
          .content_octets = 5'000'000'000};
}

TEST(DecisionRecord, ComesOutAsItWentIn) {
  const Encoded encoded(full_record());
  DecisionRecord found;
  ASSERT_TRUE(decode(encoded.octets, found));
  EXPECT_EQ(found, full_record());
}

TEST(DecisionRecord, AnEmptyOneHasOnlyWhatItMust) {
  const DecisionRecord record{.id = {1}};
  const Encoded encoded(record);
  DecisionRecord found = full_record();
  ASSERT_TRUE(decode(encoded.octets, found));
  EXPECT_EQ(found, record);
  EXPECT_LT(encoded.octets.size(), 40u);
}

TEST(DecisionRecord, TheNullSenderIsASender) {
  const Encoded encoded({.id = {1}, .has_sender = true});
  DecisionRecord found;
  ASSERT_TRUE(decode(encoded.octets, found));
  EXPECT_TRUE(found.has_sender);
}

TEST(DecisionRecord, IsBoundedWhateverStrangersSay) {
  const std::string text(10'000, 'x');
  DecisionRecord record = full_record();
  for (auto* const one : {&record.reply, &record.client, &record.client_name, &record.listener,
                          &record.tag, &record.hello, &record.tls, &record.user, &record.sender})
    *one = text;
  record.recipients.assign(50, {text, text});
  record.refused = {text, text};
  record.says.assign(50, {.filter = text, .word = text, .text = text, .reason = text});
  record.lookups.assign(50, {text, text});
  record.authentication.assign(50, {text, text, text});
  record.spent_us.fill(0xffff'ffffu);
  const Encoded encoded(record);
  EXPECT_LE(encoded.octets.size(), decision_octets_max);
  DecisionRecord found;
  ASSERT_TRUE(decode(encoded.octets, found));
  EXPECT_EQ(found.sender, std::string(decision_name_octets_max, 'x'));
  EXPECT_EQ(found.recipients.size(), decided_recipients_max);
  EXPECT_EQ(found.says.size(), filter_says_max);
  EXPECT_EQ(found.lookups.size(), lookups_made_max);
  EXPECT_EQ(found.authentication.size(), authentication_words_max);
}

TEST(DecisionRecord, TextsAreNotCutInsideACharacter) {
  EXPECT_EQ(cut("abc", 3), "abc");
  EXPECT_EQ(cut("abcd", 3), "abc");
  EXPECT_EQ(cut("ab\u00e4d", 3), "ab");
  EXPECT_EQ(cut("ab\u00e4d", 4), "ab\u00e4");
  EXPECT_EQ(cut("a\U0001f4a9", 4), "a");
  // What is no UTF-8 is cut all the same.
  EXPECT_EQ(cut(std::string(20, '\x80'), 10).size(), 10u);
}

TEST(DecisionRecord, FieldsOfALaterVersionArePassedOver) {
  Encoded encoded({.id = {1}, .hello = "h"});
  const auto later = std::to_array<std::uint8_t>({0xfe, 3, 1, 2, 3});
  for (const std::uint8_t octet : later) encoded.octets.push_back(std::byte{octet});
  DecisionRecord found;
  ASSERT_TRUE(decode(encoded.octets, found));
  EXPECT_EQ(found.hello, "h");
}

TEST(DecisionRecord, WhatIsCutOffOrImpossibleIsRefused) {
  const Encoded encoded(full_record());
  DecisionRecord found;
  EXPECT_FALSE(decode({}, found));
  EXPECT_FALSE(decode(Bytes(encoded.octets).first(encoded.octets.size() - 1), found));
  std::vector<std::byte> verdict = Encoded({.id = {1}}).octets;
  // The verdict's field is the last: tag, length, verdict, stage, flags.
  verdict[verdict.size() - 3] = std::byte{9};
  EXPECT_FALSE(decode(verdict, found));
  // Without an id it is none.
  EXPECT_FALSE(decode(Bytes(encoded.octets).subspan(10), found));
}

}  // namespace
}  // namespace ringpost::store
