// Texts are cut when they are noted: a session holds no more of them than its record will.
#include "engine/mta/decision_notes.h"

#include <algorithm>
#include <utility>

#include "store/decision/token.h"

namespace ringpost::mta {
namespace {

using store::Stage;

// Room for " [TOKEN]" and the code in a line of reply_line_octets_max.
constexpr std::size_t last_line_octets_max = smtp::reply_line_octets_max - 32;

std::string noted(std::string_view text, std::size_t octets_max = store::decision_text_octets_max) {
  return std::string(store::cut(text, octets_max));
}

std::uint32_t microseconds_of(Duration duration) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(duration.ns / 1'000, 0, 0xffff'ffff));
}

// A full list keeps its last place for the latest: that is what decided.
template <class Note>
Note& added(std::vector<Note>& list, std::size_t max) {
  if (list.size() < max) list.emplace_back();
  return list.back();
}

}  // namespace

void DecisionNotes::begin(Stage stage, Instant now) {
  end(now);
  stage_ = stage;
  began_ = now;
  runs_ = true;
}

void DecisionNotes::end(Instant now) {
  if (std::exchange(runs_, false)) spent(stage_, now - began_);
}

void DecisionNotes::spent(Stage stage, Duration duration) {
  std::uint32_t& sum = spent_us_[std::to_underlying(stage)];
  sum += std::min(microseconds_of(duration), 0xffff'ffff - sum);
}

void DecisionNotes::begin_transaction(std::string sender) {
  end_transaction();
  in_transaction_ = true;
  sender_ = std::move(sender);
}

void DecisionNotes::name_transaction(QueueId id, std::string_view sender) {
  id_ = id;
  sender_ = sender;
}

void DecisionNotes::end_transaction() {
  in_transaction_ = false;
  id_ = {};
  sender_.clear();
  recipient_.clear();
  rule_.clear();
  accepted_ = 0;
  recipients_.clear();
  said_.resize(said_in_session_);
  looked_up_.resize(looked_up_in_session_);
  authenticated_.clear();
  is_junk_ = false;
  for (const Stage stage :
       {Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Content, Stage::Commit, Stage::Filters})
    spent_us_[std::to_underlying(stage)] = 0;
}

void DecisionNotes::filter_said(const conf::Filter& filter, filter::Phase phase,
                                observe::FilterWord word, std::string_view text,
                                std::string_view reason) {
  Said& note = added(said_, store::filter_says_max);
  note = {.phase = phase,
          .word = word,
          .filter = noted(filter.name),
          .text = noted(text),
          .reason = noted(reason)};
  if (!in_transaction_) said_in_session_ = said_.size();
}

void DecisionNotes::looked_up(std::string_view what, std::string_view outcome) {
  LookedUp& note = added(looked_up_, store::lookups_made_max);
  note = {.what = noted(what, store::decision_name_octets_max), .outcome = noted(outcome)};
  if (!in_transaction_) looked_up_in_session_ = looked_up_.size();
}

void DecisionNotes::authenticated(std::string_view method, std::string_view result,
                                  std::string_view detail) {
  if (authenticated_.size() == store::authentication_words_max) return;
  authenticated_.push_back({.method = std::string(method),
                            .result = std::string(result),
                            .detail = noted(detail, store::decision_name_octets_max)});
}

void DecisionNotes::judge(std::string recipient) {
  recipient_ = std::move(recipient);
  rule_.clear();
}

void DecisionNotes::accept() {
  ++accepted_;
  if (recipients_.size() < store::decided_recipients_max)
    recipients_.push_back({std::move(recipient_), std::move(rule_)});
  recipient_.clear();
  rule_.clear();
}

void DecisionNotes::fill(store::DecisionRecord& record) const {
  record.stage = stage_;
  record.has_sender = in_transaction_;
  record.sender = sender_;
  record.recipients_accepted = accepted_;
  for (const Recipient& one : recipients_) record.recipients.push_back({one.address, one.rule});
  if (stage_ == Stage::Rcpt) record.refused = {recipient_, rule_};
  for (const Said& said : said_)
    record.says.push_back({.phase = said.phase,
                           .filter = said.filter,
                           .word = to_text(said.word),
                           .text = said.text,
                           .reason = said.reason});
  for (const LookedUp& one : looked_up_) record.lookups.push_back({one.what, one.outcome});
  for (const Authenticated& one : authenticated_)
    record.authentication.push_back({one.method, one.result, one.detail});
  record.is_junk = is_junk_;
  record.spent_us = spent_us_;
}

smtp::Reply with_token(const smtp::ReplyView& reply, QueueId id) {
  smtp::Reply told(reply);
  const std::size_t last_line = told.text.rfind('\n') + 1;
  if (told.text.size() - last_line > last_line_octets_max)
    told.text.resize(
        last_line +
        store::cut(std::string_view(told.text).substr(last_line), last_line_octets_max).size());
  told.text += " [" + store::token_of(id) + "]";
  return told;
}

}  // namespace ringpost::mta
