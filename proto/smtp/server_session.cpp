// The dialogue itself: what is read when, what is asked and told in which order, how it ends. RFC
// 5321 section 3 and 4, RFC 2920 (replies gather until the owner sends them). The verbs stand in
// verb_*.cpp.
#include "proto/smtp/server_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/smtp/replies.h"

namespace ringpost::smtp {
namespace {

constexpr std::size_t idle_output_octets_max = 512;
constexpr std::string_view masked = "***";

}  // namespace

ReplyView refusal(Admission admission) {
  switch (admission) {
    case Admission::NeedHello:
      return replies::need_hello;
    case Admission::NeedMail:
      return replies::need_mail;
    case Admission::NeedRecipient:
      return replies::no_valid_recipients;
    case Admission::NestedMail:
      return replies::nested_mail;
    case Admission::InChunks:
      return replies::in_chunks;
    case Admission::AfterFailedChunk:
      return replies::after_failed_chunk;
    case Admission::NeedTls:
      return replies::tls_required;
    case Admission::InTransaction:
      return replies::auth_in_transaction;
    case Admission::Rejected:
      return replies::session_rejected;
    case Admission::NotImplemented:
      return replies::not_implemented;
    default:
      return replies::unknown_command;
  }
}

ServerSession::ServerSession(const SessionLimits& limits, std::string_view server_name, Instant now)
    : limits_(&limits),
      server_name_(server_name),
      last_activity_(now),
      total_deadline_(now + limits.total) {
  ask(Asked::Opened, Opened{});
}

std::size_t ServerSession::receive(Bytes octets, Instant now) {
  content_due_ = {};
  std::size_t taken = 0;
  while (taken < octets.size() && may_read()) {
    const Bytes rest = octets.subspan(taken);
    switch (phase_) {
      case Phase::Commands:
        taken += receive_command(rest);
        break;
      case Phase::Auth:
        taken += receive_auth_response(rest);
        break;
      case Phase::Data:
        taken += receive_data(rest);
        break;
      case Phase::Chunk:
        taken += receive_chunk(rest);
        break;
      case Phase::AwaitsTls:
        break;
    }
  }
  if (taken > 0) last_activity_ = now;
  drain();
  return ended_ ? octets.size() : taken;
}

bool ServerSession::may_read() const {
  const bool is_dialogue = phase_ == Phase::Commands || phase_ == Phase::Auth;
  const bool is_full = is_dialogue && transmit().size() >= unsent_replies_octets_max;
  return !ended_ && asked_ == Asked::Nothing && !has_event() && !is_full &&
         phase_ != Phase::AwaitsTls;
}

std::size_t ServerSession::receive_command(Bytes octets) {
  // RFC 4954 4: an AUTH command may be longer than the others.
  const bool may_be_auth = secured_ && !auth_mechanisms_.empty();
  const std::size_t octets_max =
      std::max(limits_->command_line_octets_max, may_be_auth ? auth_line_octets_max : 0);
  const LineReader::Taken taken = line_.take(octets, octets_max);
  if (taken.status == LineReader::Status::TooLong)
    refuse(replies::line_too_long, ViolationKind::LineTooLong);
  if (taken.status != LineReader::Status::Line) return taken.octets;
  command(taken.line);
  if (auth_tried_) line_.forget_line();
  return taken.octets;
}

// A client that sends its name and password without waiting has them read as commands when AUTH is
// refused: verbs that nobody knows are not shown behind it.
void ServerSession::show(std::string_view line) {
  if (!watch_) return;
  // Nearly every line: nothing to look for.
  const bool may_be_auth = !line.empty() && std::string_view("aA \t").contains(line.front());
  if (!auth_tried_ && !may_be_auth) return watch_(line);
  const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(begin);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  const Verb verb = verb_of(word);
  if (verb == Verb::Unknown && auth_tried_) return watch_(masked);
  if (verb != Verb::Auth) return watch_(line);
  const std::string_view arguments = ascii::trim(line.substr(word.size()));
  const std::size_t mechanism_octets = arguments.find_first_of(" \t");
  if (mechanism_octets == arguments.npos) return watch_(line);
  watch_(fmt::format("{} {} {}", word, arguments.substr(0, mechanism_octets), masked));
}

void ServerSession::command(std::string_view line) {
  show(line);
  const auto split = split_command(line);
  if (!split)
    return refuse(split.error(), split.error() == replies::bare_line_end_in_command
                                     ? ViolationKind::BareLineEnd
                                     : ViolationKind::Syntax);
  const auto [verb, arguments] = *split;
  const Admission admitted = admit(verb);
  if (verb == Verb::Bdat) return bdat(arguments, admitted);
  if (verb == Verb::Auth) return auth(arguments, admitted);
  if (line.size() + 2 > limits_->command_line_octets_max)
    return refuse(replies::line_too_long, ViolationKind::LineTooLong);
  if (admitted == Admission::NotImplemented || admitted == Admission::Unknown)
    return refuse(refusal(admitted), ViolationKind::Syntax);
  if (admitted != Admission::Allow) return refuse(refusal(admitted), ViolationKind::Sequence);
  switch (verb) {
    case Verb::Helo:
    case Verb::Ehlo:
      return hello(verb, arguments);
    case Verb::StartTls:
      return start_tls(arguments);
    case Verb::Mail:
      return mail(arguments);
    case Verb::Rcpt:
      return rcpt(arguments);
    case Verb::Data:
      return data(arguments);
    default:
      return other(verb, arguments);
  }
}

bool ServerSession::has_event() const {
  return !content_due_.empty() || abort_due_ || reset_due_ || auth_aborted_due_ || event_ ||
         violation_due_ || closed_due_;
}

std::optional<Event> ServerSession::next_event() {
  if (!content_due_.empty()) return Content{std::exchange(content_due_, {})};
  if (abort_due_) return ContentAborted{*std::exchange(abort_due_, std::nullopt)};
  if (std::exchange(reset_due_, false)) return Reset{};
  if (std::exchange(auth_aborted_due_, false)) return AuthAborted{};
  if (event_) {
    // From here on the owner, who has seen the end, knows what became of the content.
    if (asked_ == Asked::ContentEnd) content_open_ = false;
    return std::exchange(event_, std::nullopt);
  }
  if (violation_due_) return Violation{*std::exchange(violation_due_, std::nullopt)};
  if (closed_due_) return Closed{*std::exchange(closed_due_, std::nullopt)};
  return std::nullopt;
}

void ServerSession::answer(const Decision& decision, Instant now) {
  if (ended_) return;
  CHECK(awaits_answer());
  last_activity_ = now;
  const Asked asked = std::exchange(asked_, Asked::Nothing);
  if (decision.is_last()) {
    const ReplyView reply = decision.reply_or({});
    return end(&reply, CloseReason::Refused, AbortReason::ShutDown);
  }
  switch (asked) {
    case Asked::Opened:
      opened_answered(decision);
      break;
    case Asked::Hello:
      hello_answered(decision);
      break;
    case Asked::StartTls:
      start_tls_answered(decision);
      break;
    case Asked::Auth:
      auth_answered(decision);
      break;
    case Asked::Mail:
      mail_answered(decision);
      break;
    case Asked::Rcpt:
      rcpt_answered(decision);
      break;
    case Asked::DataBegin:
      data_begin_answered(decision);
      break;
    case Asked::ChunkBegin:
      chunk_begin_answered(decision);
      break;
    case Asked::ContentEnd:
      content_end_answered(decision);
      break;
    case Asked::SmallCommand:
      small_command_answered(decision);
      break;
    case Asked::Nothing:
      break;
  }
  drain();
}

// RFC 5321 3.1, 4.3.1
void ServerSession::opened_answered(const Decision& decision) {
  if (!decision.accepts()) {
    state_ = State::Rejected;
    return say(decision.reply_or({}));
  }
  if (draining_) return;
  fmt::format_to(std::back_inserter(output_), "220 {} ESMTP Ringpost\r\n", server_name_);
}

void ServerSession::refused_by_owner(const Decision& decision) {
  const ReplyView reply = decision.reply_or({});
  say(reply);
  if (reply.severity() == 5) count_error();
}

void ServerSession::transmitted(std::size_t octets) {
  CHECK(octets <= transmit().size());
  output_sent_ += octets;
  if (output_sent_ == output_.size()) {
    output_.clear();
    output_sent_ = 0;
    if (output_.capacity() > idle_output_octets_max) std::string().swap(output_);
  } else if (output_sent_ >= unsent_replies_octets_max) {
    output_.erase(0, output_sent_);
    output_sent_ = 0;
  }
}

Instant ServerSession::deadline() const {
  if (ended_ || asked_ != Asked::Nothing || awaits_tls()) return never;
  return std::min(last_activity_ + limits_->idle, total_deadline_);
}

void ServerSession::expire(Instant now) {
  // RFC 5321 4.5.3.2.7
  if (deadline() != never && now >= deadline())
    end(&replies::timed_out, CloseReason::TimedOut, AbortReason::TimedOut);
}

void ServerSession::shut_down() {
  draining_ = true;
  drain();
}

// RFC 5321 3.8: 421 at a command boundary; a message whose content has begun is finished first.
void ServerSession::drain() {
  const bool is_dialogue = phase_ == Phase::Commands || phase_ == Phase::Auth;
  if (!draining_ || ended_ || asked_ != Asked::Nothing || !is_dialogue || content_open_) return;
  end(&replies::shutting_down, CloseReason::ShutDown, AbortReason::ShutDown);
}

void ServerSession::disconnected() {
  if (!ended_) end(nullptr, CloseReason::ConnectionLost, AbortReason::ConnectionLost);
}

bool ServerSession::is_in_transaction() const {
  return state_ != State::Connected && state_ != State::Rejected && state_ != State::Ready;
}

void ServerSession::end_transaction() {
  if (is_in_transaction()) state_ = State::Ready;
  recipients_ = 0;
  content_octets_ = 0;
  smtputf8_ = false;
}

void ServerSession::drop_transaction(AbortReason reason) {
  if (content_open_) abort_content(reason);
  end_transaction();
}

void ServerSession::ask(Asked what, Event event) {
  DCHECK(asked_ == Asked::Nothing && !event_);
  asked_ = what;
  event_ = std::move(event);
}

void ServerSession::say(const ReplyView& reply) { append_reply(output_, reply); }

void ServerSession::refuse(const ReplyView& reply, ViolationKind kind) {
  violation_due_ = kind;
  say(reply);
  count_error();
}

void ServerSession::count_error() {
  if (++errors_ > limits_->errors_max)
    end(&replies::too_many_errors, CloseReason::TooManyErrors, AbortReason::Reset);
}

void ServerSession::end(const ReplyView* last_words, CloseReason reason, AbortReason abort) {
  if (last_words != nullptr) say(*last_words);
  drop_transaction(abort);
  asked_ = Asked::Nothing;
  event_.reset();
  closed_due_ = reason;
  ended_ = true;
}

}  // namespace ringpost::smtp
