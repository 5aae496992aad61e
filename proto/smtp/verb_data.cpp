// DATA: RFC 5321 4.1.1.4. What is wrong with the content is said at its end, and the content is
// read to its end in any case: what follows must not be mistaken for commands.
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {

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
  if (content_open_) take_content(step.content);
  if (!step.ended) return step.octets;
  phase_ = Phase::Commands;
  if (content_open_)
    ask_content_end();
  else
    refuse_content();
  return step.octets;
}

void ServerSession::begin_content() {
  content_open_ = true;
  content_octets_ = 0;
  decoder_.restart();
  header_ = {};
  verdict_ = {};
}

void ServerSession::take_content(Bytes slice) {
  if (limits_->bare_line_ends == BareLineEnds::Refuse && decoder_.bare_line_end_seen())
    return abort_content(AbortReason::BareLineEnd, replies::bare_line_end);
  content_octets_ += slice.size();
  // RFC 1870 6.3: checked again while reading, whatever MAIL announced.
  if (content_octets_ > limits_->message_octets_max)
    return abort_content(AbortReason::TooBig, replies::too_big);
  header_.scan(slice);
  // RFC 5321 6.3
  if (header_.received_fields() > limits_->received_fields_max)
    return abort_content(AbortReason::TooManyReceived, replies::mail_loop);
  content_due_ = slice;
}

void ServerSession::abort_content(AbortReason reason, const ReplyView& verdict) {
  content_open_ = false;
  content_due_ = {};
  abort_due_ = reason;
  verdict_ = Reply(verdict);
}

void ServerSession::ask_content_end() {
  ask(Asked::ContentEnd, ContentEnd{.octets = content_octets_, .fields = header_.fields()});
}

// RFC 5321 4.1.1.4: the end of the data ends the transaction, whatever becomes of the message.
void ServerSession::content_end_answered(const Decision& decision) {
  ++messages_;
  end_transaction();
  if (!decision.accepts()) return say(decision.reply_or(replies::local_error));
  errors_ = 0;
  say(decision.reply_or(replies::ok));
}

void ServerSession::refuse_content() {
  ++messages_;
  say(verdict_.view());
  end_transaction();
}

}  // namespace ringpost::smtp
