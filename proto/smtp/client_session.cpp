// The client dialogue: replies in, commands out; see client_session.h for the contract. What comes
// before the first message is in client_opening.cpp.
// The order of replies is the order of commands (RFC 2920 3.1), so `answered_` alone says what a
// reply is for.
#include "proto/smtp/client_session.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/check.h"

namespace ringpost::smtp {
namespace {

// Outcomes that no server spoke; RFC 3463 for the status.
constexpr ReplyView connection_lost{451, {4, 4, 2}, "Connection lost"};
constexpr ReplyView timed_out{451, {4, 4, 2}, "Server did not answer in time"};
constexpr ReplyView not_understood{451, {4, 5, 0}, "Server's reply not understood"};
constexpr ReplyView no_smtputf8{553, {5, 6, 7}, "Server does not take internationalized addresses"};
constexpr ReplyView no_eight_bit{554, {5, 6, 3}, "Server does not take 8-bit content"};
constexpr ReplyView others_refused{451, {4, 0, 0}, "Not sent, since another recipient was refused"};
constexpr ReplyView too_big_for_server{552, {5, 3, 4}, "Message is larger than the server takes"};

bool is_printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return ascii::is_control(c); });
}

}  // namespace

ClientSession::ClientSession(const ClientSettings& settings, Instant now, bool is_encrypted)
    : settings_(settings), is_encrypted_(is_encrypted) {
  CHECK(is_printable(settings.name));
  CHECK(settings.commands_in_flight_max > 0);
  arm(now);
}

std::size_t ClientSession::receive(Bytes octets, Instant now) {
  std::size_t taken = 0;
  while (taken < octets.size() && !event_pending() && !final_held_ && state_ != State::Handshake) {
    if (state_ == State::Ended) return octets.size();
    taken += parser_.receive(octets.subspan(taken));
    if (parser_.state() == ReplyParser::State::Malformed)
      end(EndReason::Violation, not_understood, true);
    else if (parser_.state() == ReplyParser::State::Complete)
      take_reply(now);
  }
  return taken;
}

void ClientSession::take_reply(Instant now) {
  const ReplyView reply = parser_.reply();
  if (reply.code == 421 && state_ != State::Quitting) {  // RFC 5321 3.8
    end(EndReason::PeerClosing, reply, false);
    return;
  }
  switch (state_) {
    case State::Greeting:
      take_greeting(reply);
      break;
    case State::Hello:
      take_hello(reply);
      break;
    case State::StartingTls:
      take_start_tls(reply);
      break;
    case State::LoggingIn:
      take_login(reply);
      break;
    case State::Transaction:
      take_transaction(reply);
      after_transaction_step(now);
      break;
    case State::Final:
      take_final(reply);
      after_transaction_step(now);
      break;
    case State::Resetting:
      state_ = State::Idle;
      break;
    case State::Quitting:
      end(EndReason::Quit, reply, false);
      break;
    case State::Idle:  // nothing was asked
      end(EndReason::Violation, not_understood, true);
      break;
    case State::Handshake:
    case State::Ended:
      break;
  }
  arm(now);
}

void ClientSession::begin(const OutgoingMessage& message, Instant now) {
  CHECK(state_ == State::Idle && !in_message_);
  CHECK(!message.recipients.empty());
  message_ = message;
  in_message_ = true;
  ready_told_ = mail_failed_ = needs_reset_ = false;
  content_ = Content::None;
  issued_ = answered_ = accepted_ = 0;
  unreported_ = message.recipients.size();
  reported_.assign(unreported_, false);
  if (const auto refusal = refused_here()) {
    settle_all(*refusal, true);
    return;
  }
  state_ = State::Transaction;
  issue_commands();
  arm(now);
}

// What the server said it cannot take is not sent to it.
std::optional<ReplyView> ClientSession::refused_here() const {
  if (message_.smtputf8 && !announced_.smtputf8) return no_smtputf8;  // RFC 6531 3.5
  // RFC 6152 3. Behind LMTP lies a mailbox, which has no lines to send them over.
  if (message_.body == BodyType::EightBitMime && !announced_.eight_bit_mime && !settings_.lmtp)
    return no_eight_bit;
  const bool limited = announced_.size && announced_.size_octets_max > 0;
  if (limited && message_.octets > announced_.size_octets_max) return too_big_for_server;
  return std::nullopt;
}

void ClientSession::issue_commands() {
  while (may_issue()) {
    if (issued_ == 0)
      issue_mail();
    else if (issued_ < content_command())
      issue_recipient(message_.recipients[issued_ - 1]);
    else
      issue_content_command();
    ++issued_;
  }
}

bool ClientSession::may_issue() const {
  if (mail_failed_ || issued_ > content_command()) return false;
  const std::size_t in_flight = issued_ - answered_;
  if (in_flight >= (may_pipeline() ? settings_.commands_in_flight_max : 1u)) return false;
  if (issued_ < content_command()) return true;
  if (in_flight == 0) return content_is_wanted();
  if (message_.all_or_nobody) return false;
  return !uses_chunks() || message_.octets <= settings_.content_ahead_octets_max;
}

bool ClientSession::content_is_wanted() const {
  return message_.all_or_nobody ? accepted_ == message_.recipients.size() : accepted_ > 0;
}

void ClientSession::issue_mail() {
  CHECK(is_printable(message_.sender) && is_printable(message_.envelope_id));
  auto end = std::back_inserter(out_);
  fmt::format_to(end, "MAIL FROM:<{}>", message_.sender);
  if (announced_.size) fmt::format_to(end, " SIZE={}", message_.octets);  // RFC 1870 6
  // Without 8BITMIME the content goes as it is: converting it is the owner's business.
  if (announced_.eight_bit_mime && message_.body == BodyType::EightBitMime)
    out_ += " BODY=8BITMIME";
  if (message_.smtputf8) out_ += " SMTPUTF8";  // RFC 6531 3.4
  if (announced_.dsn) {                        // RFC 3461 4.3, 4.4
    if (message_.ret == ReturnContent::Full) out_ += " RET=FULL";
    if (message_.ret == ReturnContent::Headers) out_ += " RET=HDRS";
    if (!message_.envelope_id.empty()) fmt::format_to(end, " ENVID={}", message_.envelope_id);
  }
  out_ += "\r\n";
}

void ClientSession::issue_recipient(const OutgoingRecipient& recipient) {
  CHECK(is_printable(recipient.path) && is_printable(recipient.original_recipient));
  auto end = std::back_inserter(out_);
  fmt::format_to(end, "RCPT TO:<{}>", recipient.path);
  if (announced_.dsn && recipient.notify.is_given()) {  // RFC 3461 4.1
    out_ += " NOTIFY=";
    const std::size_t first = out_.size();
    const auto add = [this, first, &recipient](std::uint8_t bit, std::string_view name) {
      if (!recipient.notify.has(bit)) return;
      if (out_.size() > first) out_ += ',';
      out_ += name;
    };
    add(NotifySet::never, "NEVER");
    add(NotifySet::success, "SUCCESS");
    add(NotifySet::failure, "FAILURE");
    add(NotifySet::delay, "DELAY");
  }
  if (announced_.dsn && !recipient.original_recipient.empty())
    fmt::format_to(end, " ORCPT={}", recipient.original_recipient);
  out_ += "\r\n";
}

void ClientSession::issue_content_command() {
  if (!uses_chunks()) {
    out_ += "DATA\r\n";
    return;
  }
  fmt::format_to(std::back_inserter(out_), "BDAT {} LAST\r\n", message_.octets);  // RFC 3030 2
  content_ = Content::Wanted;
}

void ClientSession::take_transaction(const ReplyView& reply) {
  if (reply.severity() == 3 && answered_ < content_command()) {
    end(EndReason::Violation, not_understood, true);
    return;
  }
  const std::size_t command = answered_++;
  if (command > 0 && command < content_command()) {
    take_recipient(command - 1, reply);
  } else if (command == content_command()) {
    take_content_command(reply);
  } else if (reply.severity() == 2) {
    needs_reset_ = true;
  } else {
    mail_failed_ = true;
    settle_all(reply, false);
  }
}

void ClientSession::take_recipient(std::size_t recipient, const ReplyView& reply) {
  if (mail_failed_) return;
  if (reply.severity() == 2) {
    ++accepted_;
    return;
  }
  settle_one(recipient, reply);
}

void ClientSession::take_content_command(const ReplyView& reply) {
  if (uses_chunks()) {
    take_final(reply);
  } else if (reply.code != 354) {
    // RFC 5321 4.1.1.4: only 354 lets the content begin; a 2yz here would be about something else.
    if (reply.severity() < 4) end(EndReason::Violation, not_understood, true);
    if (reply.severity() >= 4) settle_all(reply, false);
  } else if (accepted_ > 0 && !mail_failed_) {
    content_ = Content::Wanted;
    state_ = State::Final;
  } else if (settings_.lmtp) {
    end(EndReason::Violation, not_understood, true);  // RFC 2033 4.2: must be 503
  } else {
    out_ += ".\r\n";  // RFC 2920 3.1: the server wants content that is for nobody
    content_ = Content::Sent;
    state_ = State::Final;
  }
}

// The reply to the end of the content; with LMTP one for each accepted recipient (RFC 2033 4.2).
void ClientSession::take_final(const ReplyView& reply) {
  if (reply.severity() == 3) {
    end(EndReason::Violation, not_understood, true);
    return;
  }
  state_ = State::Final;
  if (content_ != Content::Sent) {
    final_held_ = true;
    return;
  }
  if (!settings_.lmtp || !has_unreported()) {
    needs_reset_ = uses_chunks() && reply.severity() != 2;  // RFC 3030 2
    settle_all(reply, false);
    state_ = State::Resetting;
    return;
  }
  const auto next = std::ranges::find(reported_, false);
  settle_one(static_cast<std::size_t>(next - reported_.begin()), reply);
  needs_reset_ = false;
  if (unreported_ == 1) state_ = State::Resetting;
}

// Sends what has become possible, or leaves the transaction when nothing more can come of it.
void ClientSession::after_transaction_step(Instant now) {
  if (state_ == State::Transaction) {
    issue_commands();
    if (issued_ != answered_) return;
    if (message_.all_or_nobody) settle_all(others_refused, true);
    state_ = State::Resetting;
  }
  if (state_ != State::Resetting) return;
  if (needs_reset_)
    out_ += "RSET\r\n";
  else
    state_ = State::Idle;
  arm(now);
}

void ClientSession::content_progressed(Instant now) {
  CHECK(content_ == Content::Open || state_ == State::Ended);
  arm(now);
}

void ClientSession::content_sent(Instant now) {
  if (state_ == State::Ended) return;
  CHECK(content_ == Content::Open);
  content_ = Content::Sent;
  if (final_held_) {
    final_held_ = false;
    take_final(parser_.reply());
    after_transaction_step(now);
  }
  arm(now);
}

void ClientSession::quit(Instant now) {
  CHECK(state_ == State::Idle && !in_message_);
  out_ += "QUIT\r\n";
  state_ = State::Quitting;
  arm(now);
}

void ClientSession::transmitted(std::size_t octets) {
  out_taken_ += octets;
  CHECK(out_taken_ <= out_.size());
  if (out_taken_ < out_.size()) return;
  out_.clear();
  out_taken_ = 0;
}

void ClientSession::expire(Instant now) {
  if (now >= deadline_) cut_off(EndReason::TimedOut, timed_out);
}

void ClientSession::disconnected() { cut_off(EndReason::ConnectionLost, connection_lost); }

void ClientSession::cut_off(EndReason reason, const ReplyView& reply) {
  if (state_ == State::Ended) return;
  if (final_held_) {
    // The server judged the content before it was told that all had been sent. A refusal counts;
    // anything else leaves it open whether it had everything.
    if (parser_.reply().severity() >= 4) settle_all(parser_.reply(), false);
    content_ = Content::Sent;
  }
  end(state_ == State::Quitting ? EndReason::Quit : reason, reply, true);
}

void ClientSession::settle_one(std::size_t recipient, const ReplyView& reply) {
  one_outcome_ = RecipientDone{.recipient = recipient, .reply = reply};
}

// Gives every recipient that has no outcome yet this one.
void ClientSession::settle_all(const ReplyView& reply, bool local) {
  if (all_settled_ || !has_unreported()) return;
  all_settled_ = true;
  all_reply_ = reply;
  all_local_ = local;
}

void ClientSession::end(EndReason reason, const ReplyView& reply, bool local) {
  if (reason == EndReason::Refused) out_ += "QUIT\r\n";  // RFC 5321 3.1
  end_reason_ = reason;
  end_reply_ = reply;
  final_held_ = false;
  state_ = State::Ended;
  deadline_ = never;
  settle_all(reply, local);
}

void ClientSession::arm(Instant now) {
  const ClientTimeouts& timeouts = settings_.timeouts;
  switch (state_) {
    case State::Greeting:
      deadline_ = now + timeouts.greeting;
      return;
    case State::Hello:
    case State::StartingTls:
    case State::Handshake:
    case State::LoggingIn:
      deadline_ = now + timeouts.command;
      return;
    case State::Transaction:
    case State::Final:
      if (content_ == Content::Wanted || content_ == Content::Open)
        deadline_ = now + timeouts.content_block;
      else if (content_ == Content::Sent)
        deadline_ = now + timeouts.content_end;
      else
        deadline_ =
            now + (answered_ == content_command() ? timeouts.content_command : timeouts.command);
      return;
    case State::Resetting:
    case State::Quitting:
      deadline_ = now + timeouts.closing;
      return;
    case State::Idle:
    case State::Ended:
      deadline_ = never;
      return;
  }
}

bool ClientSession::event_pending() const {
  if (one_outcome_ || all_settled_) return true;
  if (content_ == Content::Wanted && state_ != State::Ended) return true;
  if (in_message_ && !has_unreported() && content_ != Content::Open) return true;
  if (state_ == State::Idle) return !ready_told_;
  if (state_ == State::Handshake) return !handshake_told_;
  return state_ == State::Ended && !ended_told_;
}

std::optional<ClientEvent> ClientSession::next_event() {
  if (auto outcome = next_outcome()) return *outcome;
  const bool over = state_ == State::Ended;
  if (state_ == State::Handshake && !handshake_told_) {
    handshake_told_ = true;
    return HandshakeWanted{};
  }
  if (content_ == Content::Wanted && !over) {
    content_ = Content::Open;
    return ContentWanted{.chunked = uses_chunks()};
  }
  if (in_message_ && !has_unreported() && (content_ != Content::Open || over)) {
    in_message_ = false;
    return MessageDone{};
  }
  if (state_ == State::Idle && !ready_told_) {
    ready_told_ = true;
    return Ready{};
  }
  if (over && !ended_told_) {
    ended_told_ = true;
    return Ended{.reason = end_reason_, .reply = end_reply_};
  }
  return std::nullopt;
}

std::optional<RecipientDone> ClientSession::next_outcome() {
  std::optional<RecipientDone> outcome;
  if (one_outcome_) {
    outcome = std::exchange(one_outcome_, std::nullopt);
  } else if (all_settled_) {
    const auto next = std::ranges::find(reported_, false);
    outcome = RecipientDone{.recipient = static_cast<std::size_t>(next - reported_.begin()),
                            .reply = all_reply_,
                            .local = all_local_,
                            .uncertain = all_local_ && content_ == Content::Sent};
  } else {
    return std::nullopt;
  }
  reported_[outcome->recipient] = true;
  --unreported_;
  if (unreported_ == 0) all_settled_ = false;
  return outcome;
}

}  // namespace ringpost::smtp
