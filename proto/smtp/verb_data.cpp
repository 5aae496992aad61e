// DATA: RFC 5321 4.1.1.4. What is wrong with the content is said at its end, and the content is
// read to its end in any case: what follows must not be mistaken for commands.
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {

ReplyView verdict(AbortReason reason) {
  switch (reason) {
    case AbortReason::BareLineEnd:
      return replies::bare_line_end;
    case AbortReason::TooManyReceived:
      return replies::mail_loop;
    default:
      return replies::too_big;
  }
}

void ServerSession::data(std::string_view arguments) {
  if (!arguments.empty()) return refuse(replies::no_arguments_allowed, ViolationKind::Syntax);
  ask(Asked::DataBegin, ContentBegin{.chunked = false});
}

void ServerSession::data_begin_answered(const Decision& decision) {
  // The transaction stays: the client may try DATA again, or RSET.
  if (!decision.accepts()) return refused_by_owner(decision);
  begin_content();
  phase_ = Phase::Data;
  say(replies::send_content);
}

std::size_t ServerSession::receive_data(Bytes octets) {
  const DataDecoder::Step step = decoder_.decode(octets);
  take_content(step.content);
  if (step.ended) {
    phase_ = Phase::Commands;
    content_ended();
  }
  return step.octets;
}

void ServerSession::begin_content() {
  content_open_ = true;
  content_octets_ = 0;
  decoder_.restart();
  header_ = {};
}

// Looks at content that is already lost, too, so that its reply does not depend on how it was cut.
void ServerSession::take_content(Bytes slice) {
  content_octets_ += slice.size();
  header_.scan(slice);
  const auto reason = flaw();
  if (!reason)
    content_due_ = slice;
  else if (content_open_)
    abort_content(*reason);
}

std::optional<AbortReason> ServerSession::flaw(bool at_end) const {
  if (limits_->bare_line_ends == BareLineEnds::Refuse && decoder_.bare_line_end_seen(at_end))
    return AbortReason::BareLineEnd;
  // RFC 1870 6.3: checked again while reading, whatever MAIL announced.
  if (content_octets_ > limits_->message_octets_max) return AbortReason::TooBig;
  // RFC 5321 6.3
  if (header_.received_fields() > limits_->received_fields_max) return AbortReason::TooManyReceived;
  return std::nullopt;
}

void ServerSession::abort_content(AbortReason reason) {
  content_open_ = false;
  content_due_ = {};
  abort_due_ = reason;
}

void ServerSession::content_ended() {
  const auto reason = flaw(true);
  if (!reason)
    return ask(Asked::ContentEnd,
               ContentEnd{.octets = content_octets_, .fields = header_.fields()});
  if (content_open_) abort_content(*reason);
  ++messages_;
  end_transaction();
  say(verdict(*reason));
}

// RFC 5321 4.1.1.4: the end of the data ends the transaction, whatever becomes of the message.
void ServerSession::content_end_answered(const Decision& decision) {
  ++messages_;
  end_transaction();
  if (decision.accepts()) errors_ = 0;
  say(decision.reply_or(replies::ok));
}

}  // namespace ringpost::smtp
