// What a session notes for its records: what belongs to a transaction goes with it.
#include "engine/mta/decision_notes.h"

#include <gtest/gtest.h>

#include "store/decision/token.h"

namespace ringpost::mta {
namespace {

using store::DecisionRecord;
using store::Stage;

DecisionRecord record_of(const DecisionNotes& notes) {
  DecisionRecord record;
  notes.fill(record);
  return record;
}

std::uint32_t spent(const DecisionNotes& notes, Stage stage) {
  return record_of(notes).spent_us[std::to_underlying(stage)];
}

conf::Filter named(std::string name) {
  conf::Filter filter;
  filter.name = std::move(name);
  return filter;
}

void say(DecisionNotes& notes, const char* filter) {
  notes.filter_said(named(filter), filter::Phase::Connect, observe::FilterWord::Report, "text", "");
}

TEST(DecisionNotesTest, StagesAddUpAndEndWithTheAnswer) {
  DecisionNotes notes;
  const Instant start{};
  notes.begin(Stage::Connect, start);
  notes.end(start + milliseconds(2));
  notes.end(start + milliseconds(50));
  EXPECT_EQ(spent(notes, Stage::Connect), 2'000u);
  notes.begin_transaction("a@example.org");
  notes.begin(Stage::Rcpt, start);
  notes.begin(Stage::Rcpt, start + milliseconds(1));
  notes.end(start + milliseconds(4));
  EXPECT_EQ(spent(notes, Stage::Rcpt), 4'000u);
  notes.spent(Stage::Filters, seconds(10'000));
  EXPECT_EQ(spent(notes, Stage::Filters), 0xffff'ffffu) << "not more than fits";
}

TEST(DecisionNotesTest, WhatBelongsToATransactionGoesWithIt) {
  DecisionNotes notes;
  say(notes, "of the session");
  notes.looked_up("user a", "found");
  notes.begin_transaction("a@example.org");
  EXPECT_EQ(notes.id(), QueueId{});
  notes.name_transaction({7}, "b@example.org");
  say(notes, "of the transaction");
  notes.looked_up("user b", "not found");
  notes.judge("c@example.org");
  notes.decided_by("12");
  notes.accept();
  DecisionRecord record = record_of(notes);
  EXPECT_TRUE(record.has_sender);
  EXPECT_EQ(record.sender, "b@example.org");
  EXPECT_EQ(record.recipients_accepted, 1u);
  EXPECT_EQ(record.recipients, (std::vector<store::DecidedRecipient>{{"c@example.org", "12"}}));
  EXPECT_EQ(record.says.size(), 2u);
  EXPECT_EQ(record.lookups.size(), 2u);
  EXPECT_EQ(notes.id(), QueueId{7});
  notes.end_transaction();
  record = record_of(notes);
  EXPECT_FALSE(record.has_sender);
  EXPECT_EQ(record.recipients_accepted, 0u);
  ASSERT_EQ(record.says.size(), 1u);
  EXPECT_EQ(record.says[0].filter, "of the session");
  EXPECT_EQ(record.lookups.size(), 1u);
  EXPECT_EQ(notes.id(), QueueId{});
}

TEST(DecisionNotesTest, TheRefusedRecipientIsTheOneThatIsJudged) {
  DecisionNotes notes;
  notes.begin_transaction("");
  notes.begin(Stage::Rcpt, {});
  notes.judge("c@example.org");
  EXPECT_EQ(record_of(notes).refused, (store::DecidedRecipient{"c@example.org", ""}));
  notes.decided_by("3");
  EXPECT_EQ(record_of(notes).refused, (store::DecidedRecipient{"c@example.org", "3"}));
  notes.begin(Stage::Commit, {});
  EXPECT_EQ(record_of(notes).refused, store::DecidedRecipient{});
}

TEST(DecisionNotesTest, ListsAreBoundedAndKeepTheLatest) {
  DecisionNotes notes;
  for (int i = 0; i < 100; ++i) say(notes, i == 99 ? "the last" : "others");
  for (int i = 0; i < 100; ++i) notes.looked_up(std::string(1'000, 'x'), "found");
  notes.begin_transaction("");
  for (int i = 0; i < 100; ++i) {
    notes.judge("x@example.org");
    notes.accept();
  }
  const DecisionRecord record = record_of(notes);
  ASSERT_EQ(record.says.size(), store::filter_says_max);
  EXPECT_EQ(record.says.back().filter, "the last");
  EXPECT_EQ(record.lookups.size(), store::lookups_made_max);
  EXPECT_LE(record.lookups[0].what.size(), store::decision_name_octets_max);
  EXPECT_EQ(record.recipients.size(), store::decided_recipients_max);
  EXPECT_EQ(record.recipients_accepted, 100u);
}

TEST(DecisionNotesTest, TheTokenStandsBehindTheLastLine) {
  const std::string token = " [" + store::token_of({7}) + "]";
  EXPECT_EQ(with_token({550, {5, 7, 1}, "No way"}, {7}).text, "No way" + token);
  EXPECT_EQ(with_token({550, {5, 7, 1}, "No\nway"}, {7}).text, "No\nway" + token);
  // And fits into its line, however long that was.
  const std::string line(2'000, 'x');
  std::string sent;
  smtp::append_reply(sent, with_token({550, {5, 7, 1}, "first\n" + line}, {7}).view());
  EXPECT_TRUE(sent.ends_with(token + "\r\n"));
  EXPECT_LE(sent.size(),
            smtp::reply_line_octets_max + std::string_view("550-5.7.1 first\r\n").size());
}

}  // namespace
}  // namespace ringpost::mta
