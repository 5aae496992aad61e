// Inbound: where the filters of a listener have their say: before each step of the dialogue. What
// is refused has changed nothing.
#include <algorithm>

#include "engine/mta/inbound.h"
#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

using conf::FilterPhase;

constexpr std::string_view spam_yes = "X-Spam: Yes\r\n";

// RFC 5321 4.5.3.1.2, and what the dialogue itself takes as a name.
constexpr std::size_t hello_octets_max = 255;

bool is_hello_name(std::string_view value) {
  return !value.empty() && value.size() <= hello_octets_max &&
         std::ranges::none_of(value, [](char c) { return c == ' ' || ascii::is_control(c); });
}

// "<a@b>" and "a@b" are the same to whoever writes filters.
std::string_view without_brackets(std::string_view value) {
  const bool has_both = value.size() >= 2 && value.starts_with('<') && value.ends_with('>');
  return has_both ? value.substr(1, value.size() - 2) : value;
}

}  // namespace

void Inbound::filter(FilterPhase phase, conf::AddressView recipient) {
  if (filters_ == nullptr) return passed(phase);
  filters_->phase = phase;
  filters_->is_beginning = true;
  waiting_ = Waiting::Filter;
  filters_->run.begin(phase, recipient);
  filters_->is_beginning = false;
}

// From inside filter(), or later, when nobody pumps.
void Inbound::filtered(FilterVerdict verdict) {
  CHECK(waiting_ == Waiting::Filter);
  waiting_ = Waiting::Nothing;
  const bool is_beginning = filters_->is_beginning;
  const FilterPhase phase = filters_->phase;
  if (verdict.kind != FilterVerdict::Kind::Proceed) {
    refused_by_filter(verdict);
  } else {
    const bool in_message = transaction_ != nullptr || phase == FilterPhase::MailFrom;
    if (verdict.junk) (in_message ? filters_->junk_message : filters_->junk_session) = true;
    if (verdict.rewritten) rewrite(*verdict.rewritten);
    passed(phase);
  }
  if (!is_beginning) pump();
}

void Inbound::passed(FilterPhase phase) {
  switch (phase) {
    case FilterPhase::Connect:
      return answer(smtp::Decision::accept());
    case FilterPhase::Helo:
    case FilterPhase::Ehlo:
      return begin_hello(filters_->hello);
    case FilterPhase::Auth:
      return begin_auth(filters_->auth);
    case FilterPhase::MailFrom:
      return begin_transaction(filters_->mail);
    case FilterPhase::RcptTo:
      return judge_recipient();
    case FilterPhase::Data:
      return begin_content();
    case FilterPhase::Commit:
      return commit();
  }
}

void Inbound::refused_by_filter(const FilterVerdict& verdict) {
  const smtp::ReplyView reply = verdict.reply.view();
  const bool is_last = verdict.kind == FilterVerdict::Kind::Disconnect;
  const auto decision = is_last ? smtp::Decision::last(reply) : smtp::Decision(reply);
  switch (filters_->phase) {
    case FilterPhase::RcptTo:
      parts_.metrics.session.recipients_refused.add();
      rcpt_.reset();
      lookups_.reset();
      return answer(decision);
    case FilterPhase::Commit:
      return refuse_content(reply, is_last);
    default:
      return answer(decision);
  }
}

// What is no name or address leaves the client's: a filter cannot bring in what a client could not.
void Inbound::rewrite(const std::string& value) {
  switch (filters_->phase) {
    case FilterPhase::Helo:
    case FilterPhase::Ehlo:
      if (is_hello_name(value)) filters_->hello.name = value;
      return;
    case FilterPhase::MailFrom:
      if (auto sender = smtp::parse_reverse_path(without_brackets(value)))
        filters_->mail.sender = std::move(*sender);
      return;
    case FilterPhase::RcptTo:
      if (auto recipient = smtp::parse_forward_path(without_brackets(value)))
        rcpt_->recipient = std::move(*recipient);
      return;
    default:
      return;
  }
}

// As upstream's: what files a message as junk is a field like any other.
std::string_view Inbound::spam_field() const {
  const bool is_junk = filters_ != nullptr && (filters_->junk_session || filters_->junk_message);
  return is_junk ? spam_yes : std::string_view{};
}

}  // namespace ringpost::mta
