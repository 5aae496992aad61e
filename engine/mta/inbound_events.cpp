// Inbound: the dialogue's side: one function per event of the ServerSession; end of content is a
// list of steps.
#include <fmt/format.h>

#include "engine/mta/inbound.h"
#include "engine/mta/recipients.h"
#include "engine/mta/sender_rewriting.h"
#include "proto/mail/received.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

namespace replies = smtp::replies;

store::BodyType body_of(smtp::BodyType body) {
  return body == smtp::BodyType::EightBitMime ? store::BodyType::EightBitMime
                                              : store::BodyType::SevenBit;
}

store::DsnReturn return_of(smtp::ReturnContent ret) {
  switch (ret) {
    case smtp::ReturnContent::Full:
      return store::DsnReturn::Full;
    case smtp::ReturnContent::Headers:
      return store::DsnReturn::Headers;
    case smtp::ReturnContent::Unspecified:
      break;
  }
  return store::DsnReturn::Unspecified;
}

observe::CloseReason reason_of(smtp::CloseReason reason) {
  switch (reason) {
    case smtp::CloseReason::Quit:
      return observe::CloseReason::Quit;
    case smtp::CloseReason::TooManyErrors:
      return observe::CloseReason::TooManyErrors;
    case smtp::CloseReason::TimedOut:
      return observe::CloseReason::IdleTimeout;
    case smtp::CloseReason::ShutDown:
      return observe::CloseReason::Draining;
    case smtp::CloseReason::ConnectionLost:
      return observe::CloseReason::PeerClosed;
    case smtp::CloseReason::Refused:
    case smtp::CloseReason::TooManyMessages:
    case smtp::CloseReason::BrokenChunk:
      break;
  }
  return observe::CloseReason::Violation;
}

}  // namespace

void Inbound::answer(const smtp::Decision& decision) {
  notes_.end(parts_.core.now());
  session_.answer(decision, parts_.core.now());
}

void Inbound::on(const smtp::Opened&) {
  using enum ConnectionCounts::Admission;
  const ConnectionLimits& limits = generation_->connection_limits;
  observe::LimitGauge& here = parts_.metrics.session.connections;
  const bool core_is_full = here.used.value() >= parts_.connections_max;
  const auto admission = core_is_full ? TooMany : parts_.connection_counts.enter(client_, limits);
  counted_ = admission == Admitted;
  if (counted_) {
    parts_.metrics.session.opened.add();
    here.used.add();
    parts_.events.emit(parts_.core.wall(),
                       observe::SessionOpened{.session = id_,
                                              .client = client_,
                                              .proxy = proxy_,
                                              .listener = listener_.interface_name});
    ask_client_name();
    return;
  }
  const bool in_all = admission == TooMany;
  const auto reason =
      in_all ? observe::RefuseReason::Connections : observe::RefuseReason::ConnectionsPerAddress;
  parts_.metrics.session.refused[reason].add();
  if (in_all) here.refused.add();
  const std::uint64_t limit = in_all ? limits.connections_max : limits.per_address_max;
  const std::uint64_t max = core_is_full ? parts_.connections_max : limit;
  parts_.events.emit(
      parts_.core.wall(),
      observe::ConnectionRefused{.client = client_, .reason = reason, .used = max, .max = max});
  answer(in_all ? replies::too_many_connections : replies::too_many_from_address);
}

// The greeting waits for the name only where a rule may ask for it: then the rules know it, and
// cannot be outrun by a client that pipelines.
void Inbound::ask_client_name() {
  if (client_address_ && !client_name_) parts_.resolver->name_client(*client_address_, name_asker_);
  const bool is_needed =
      generation_->needs_client_name || (filters_ != nullptr && filters_->run.needs_client_name());
  if (client_name_ || !is_needed) {
    filter_connection();
  } else {
    waiting_ = Waiting::Name;
  }
}

// Perhaps from inside ask_client_name(), which then goes on.
void Inbound::named(ClientName name) {
  client_name_ = std::move(name);
  if (waiting_ != Waiting::Name) return;
  waiting_ = Waiting::Nothing;
  filter_connection();
  pump();
}

void Inbound::on(const smtp::HelloReceived& event) {
  if (filters_ == nullptr) return begin_hello(event);
  filters_->hello = event;
  filter(event.extended ? filter::Phase::Ehlo : filter::Phase::Helo, {event.name});
}

void Inbound::begin_hello(const smtp::HelloReceived& event) {
  hello_ = event.name;
  extended_ = event.extended;
  tell(filter::ReportEvent::LinkIdentify, {extended_ ? "EHLO" : "HELO", hello_});
  answer(smtp::Decision::accept());
}

void Inbound::on(const smtp::MailFrom& event) {
  // RFC 3030 2: a refused BDAT ends a transaction without a word.
  if (transaction_ != nullptr) drop_transaction();
  notes_.begin_transaction(smtp::to_text(event.sender));
  if (!parts_.spooler->accepting()) {
    answer(replies::insufficient_storage);
    return;
  }
  if (filters_ == nullptr) return begin_transaction(event);
  filters_->mail = event;
  filters_->junk_message = false;
  filter(filter::Phase::MailFrom, {smtp::to_text(event.sender)});
}

void Inbound::begin_transaction(const smtp::MailFrom& event) {
  transaction_ = std::make_unique<Transaction>(parts_, *this, id_);
  transaction_->began = parts_.core.now();
  store::Envelope& envelope = transaction_->envelope;
  envelope.reverse_path = smtp::to_text(event.sender);
  envelope.hello = hello_;
  envelope.client_address = client_;
  envelope.authenticated_user = user_;
  envelope.listener_tag = listener_.tag;
  envelope.envelope_id = event.envelope_id;
  envelope.body = body_of(event.body);
  envelope.dsn_return = return_of(event.ret);
  envelope.smtputf8 = event.smtputf8;
  sender_ = event.sender.mailbox;
  notes_.name_transaction(transaction_->id(), envelope.reverse_path);
  tell(filter::ReportEvent::TxBegin, {message_id()});
  if (senders() == nullptr) {
    tell_result(filter::ReportEvent::TxMail, 250, envelope.reverse_path);
    return answer(smtp::Decision::accept());
  }
  lookups_.emplace(parts_, *generation_);
  judge_sender();
}

void Inbound::on(const smtp::RcptTo& event) {
  rcpt_ = std::make_unique<smtp::RcptTo>(event);
  lookups_.emplace(parts_, *generation_);
  notes_.judge(smtp::to_text(event.recipient));
  const smtp::Mailbox& mailbox = rcpt_->recipient.mailbox;
  if (filters_ == nullptr) return judge_recipient();
  filter(filter::Phase::RcptTo, {smtp::to_text(event.recipient)}, {mailbox.local, mailbox.domain});
}

conf::SessionFacts Inbound::facts() const {
  conf::ClientNameView name;
  if (client_name_)
    name = {client_name_->name, client_name_->state == ClientName::State::Failed,
            client_name_->confirmed};
  using enum filter::Phase;
  const bool is_filtered = waiting_ == Waiting::Filter;
  const bool greets = is_filtered && (filters_->phase == Helo || filters_->phase == Ehlo);
  const smtp::Mailbox& sender =
      is_filtered && filters_->phase == MailFrom ? filters_->mail.sender.mailbox : sender_;
  return {.client = client_address_,
          .tag = listener_.tag,
          .helo = greets ? filters_->hello.name : hello_,
          .sender = {sender.local, sender.domain},
          .tls = tls_ != nullptr,
          .user = user_,
          .client_name = name,
          .findings = filters_ != nullptr ? std::span<const conf::SenderFinding>(filters_->findings)
                                          : std::span<const conf::SenderFinding>()};
}

void Inbound::judge_recipient() {
  // RFC 5321 4.5.1: <postmaster> without a domain is ours.
  const smtp::Mailbox& mailbox = rcpt_->recipient.mailbox;
  const std::string_view domain = rcpt_->recipient.is_bare_postmaster()
                                      ? std::string_view(listener_.server_name)
                                      : std::string_view(mailbox.domain);
  conf::Expansion expansion = expand_recipient(*generation_, facts(), {mailbox.local, domain},
                                               *lookups_, parts_.core.wall());
  if (expansion.outcome == conf::Outcome::Later) {
    waiting_ = Waiting::Answer;
    asked_ = std::move(*expansion.waiting_for);
    parts_.enquiries->ask(asked_, generation_, asker_);
    return;
  }
  notes_.decided_by(place_of(expansion.rule));
  trace_recipient(expansion);
  if (expansion.outcome == conf::Outcome::Deliver) {
    add_recipients(expansion);
  } else {
    refuse_recipient(expansion);
  }
  rcpt_.reset();
  lookups_.reset();
}

void Inbound::Asker::answered(conf::Answer answer) { inbound.answered(std::move(answer)); }

void Inbound::answered(conf::Answer answer) {
  notes_.looked_up(conf::describe(asked_), conf::word_of(answer.state));
  lookups_->remember(std::move(asked_), std::move(answer));
  waiting_ = Waiting::Nothing;
  rcpt_ != nullptr ? judge_recipient() : judge_sender();
  pump();
}

void Inbound::refuse_recipient(const conf::Expansion& expansion) {
  parts_.metrics.session.recipients_refused.add();
  const bool is_final = expansion.outcome != conf::Outcome::TemporaryFailure;
  if (is_final && filters_ != nullptr) filters_->run.client_failed();
  if (!is_final) {
    const std::string address = smtp::to_text(rcpt_->recipient);
    parts_.events.emit(
        parts_.core.wall(),
        observe::LookupFailed{.session = id_, .recipient = address, .reason = expansion.reason});
  }
  std::string room;
  const smtp::ReplyView refusal = refusal_of(expansion, room);
  tell_result(filter::ReportEvent::TxRcpt, refusal.code, smtp::to_text(rcpt_->recipient));
  refuse(refusal);
}

smtp::ReplyView Inbound::refusal_of(const conf::Expansion& expansion, std::string& room) const {
  switch (expansion.outcome) {
    case conf::Outcome::Unknown:
      return replies::no_such_user;
    case conf::Outcome::Loop:
      return replies::alias_loop;
    case conf::Outcome::TemporaryFailure:
      return replies::local_error;
    case conf::Outcome::Error: {
      room = expansion.reply_text;
      const auto severity = static_cast<std::uint8_t>(expansion.reply_code / 100);
      return {static_cast<std::uint16_t>(expansion.reply_code), {severity, 1, 0}, room};
    }
    default:
      return replies::relay_denied;
  }
}

void Inbound::add_recipients(const conf::Expansion& expansion) {
  const std::string accepted = smtp::to_text(rcpt_->recipient);
  for (const conf::Delivery& delivery : expansion.deliveries) {
    store::Recipient recipient = recipient_of(delivery);
    recipient.accepted_address = accepted;
    recipient.original = rcpt_->original_recipient;
    recipient.notify_flags = rcpt_->notify.bits;
    if (transaction_->add_recipient(std::move(recipient)) == Transaction::Added::TooMany) {
      answer(replies::too_many_recipients);
      return;
    }
  }
  parts_.metrics.session.recipients_accepted.add();
  transaction_->is_from_known |= relays_for_known(*expansion.rule);
  notes_.accept();
  if (filters_ != nullptr) {
    const auto number = transaction_->envelope.recipients.size() - 1;
    tell(filter::ReportEvent::TxEnvelope,
         {message_id(), fmt::format("{}{:04x}", message_id(), number)});
    tell_result(filter::ReportEvent::TxRcpt, 250, accepted);
  }
  answer(smtp::Decision::accept());
}

void Inbound::on(const smtp::ContentBegin&) {
  if (!parts_.spooler->accepting()) {
    answer(replies::insufficient_storage);
    return;
  }
  filter(filter::Phase::Data);
}

void Inbound::begin_content() {
  transaction_->begin_content();
  if (filters_ != nullptr) transaction_->trace = filters_->run.fields();
  transaction_->trace += spam_field();
  write_login();
  mail::ReceivedTrace trace;
  trace.hello_name = hello_;
  trace.extended = extended_;
  trace.smtputf8 = transaction_->envelope.smtputf8;
  const std::string tls_comment = encryption();
  trace.encrypted = tls_ != nullptr;
  trace.encryption = tls_comment;
  trace.client_address = client_;
  if (client_name_ && client_name_->confirmed == ClientName::Confirmed::Yes)
    trace.client_name = client_name_->name;
  trace.local_user = local_user_;
  trace.masked = listener_.masks_source;
  trace.authenticated = !user_.empty();
  trace.shows_user = listener_.source != nullptr && listener_.source->received_auth;
  trace.user = user_;
  trace.server_name = listener_.server_name;
  trace.id = transaction_->id();
  // With several recipients their addresses stay between envelope and mailbox (RFC 5321 7.2).
  if (transaction_->envelope.recipients.size() == 1)
    trace.recipient = transaction_->envelope.recipients.front().accepted_address;
  trace.received = parts_.core.wall();
  mail::append_received(transaction_->trace, trace);
  transaction_->pending = bytes_of(transaction_->trace);
  tell_result(filter::ReportEvent::TxData, 250);
  begin_sender_check();
  begin_signing();
  begin_filtered_content();
  append_pending();
  if (submits()) begin_header();
  answer(smtp::Decision::accept());
  notes_.begin(store::Stage::Content, parts_.core.now());
}

void Inbound::on(const smtp::Content& event) {
  transaction_->pending = event.slice;
  if (sender_check_ != nullptr) sender_check_->take(event.slice);
  transaction_->edit_pending();
  append_pending();
}

void Inbound::append_pending() {
  if (filters_ != nullptr && filters_->has_content) return give_pending();
  Transaction& transaction = *transaction_;
  if (transaction.failed) transaction.pending = transaction.pending_after = {};
  if (transaction.pending.empty())
    transaction.pending = std::exchange(transaction.pending_after, {});
  if (transaction.pending.empty()) return;
  const memory::Buffer none;
  // Plaintext lies elsewhere than what was received.
  const memory::Buffer& buffer = input_.empty() || tls_ != nullptr ? none : input_.front();
  const std::size_t taken = transaction.append(transaction.pending, buffer);
  transaction.pending = transaction.pending.subspan(taken);
  if (transaction.pending.empty()) return append_pending();
  if (!parts_.spooler->accepting()) {
    transaction.failed = true;
    transaction.pending = transaction.pending_after = {};
    return;
  }
  waiting_ = Waiting::Room;
  parts_.spooler->wait_for_room(room_);
}

void Inbound::room_called(RoomWaiter& waiter) { static_cast<Room&>(waiter).inbound.room_again(); }

void Inbound::room_again() {
  if (filters_ != nullptr && std::exchange(filters_->waits_for_room, false)) {
    take_came();
    return filters_->waits_for_room ? void() : content_room();
  }
  waiting_ = Waiting::Nothing;
  if (transaction_ != nullptr) append_pending();
  if (waiting_ == Waiting::Nothing && std::exchange(end_waits_, false)) content_is_there();
  if (waiting_ == Waiting::Nothing && commit_waits_) commit();
  pump();
}

void Inbound::on(const smtp::ContentEnd& event) {
  transaction_->content_octets = event.octets;
  commit_began_ = parts_.core.now();
  transaction_->end_editing();
  append_pending();
  if (filters_ != nullptr && filters_->has_content) return end_filtered_content();
  end_waits_ = waiting_ == Waiting::Room;
  if (!end_waits_) content_is_there();
}

void Inbound::commit() {
  commit_waits_ = false;
  if (transaction_->failed) {
    refuse_content(replies::insufficient_storage);
    return;
  }
  Transaction* const transaction = transaction_.get();
  const bool has_room = transaction->append_front();
  switch (has_room ? Transaction::commit(transaction_) : Transaction::Begun::NoRoom) {
    case Transaction::Begun::Waiting:
      committing_ = transaction;
      committed_octets_ = transaction->content_octets;
      waiting_ = Waiting::Commit;
      return;
    case Transaction::Begun::NoRoom:
      if (!parts_.spooler->accepting()) break;
      commit_waits_ = true;
      waiting_ = Waiting::Room;
      parts_.spooler->wait_for_room(room_);
      return;
    case Transaction::Begun::Impossible:
      refuse_content(replies::local_error);
      return;
  }
  refuse_content(replies::insufficient_storage);
}

void Inbound::committed(bool durable) {
  const QueueId id = committing_->id();
  committing_ = nullptr;
  waiting_ = Waiting::Nothing;
  parts_.metrics.session.commit_wait.record(
      static_cast<std::uint64_t>((parts_.core.now() - commit_began_).ns / 1'000));
  // RFC 5321 6.1: 250 only once the message survives whatever happens next.
  if (durable) {
    ++messages_;
    const std::string octets = std::to_string(committed_octets_);
    tell(filter::ReportEvent::TxCommit, {to_text(id), octets});
    tell(filter::ReportEvent::TxReset, {to_text(id)});
    const std::string text = "Ok: queued as " + to_text(id);
    notes_.end(parts_.core.now());
    record_decision(store::DecisionVerdict::Accepted, id, {});
    notes_.end_transaction();
    answer(smtp::ReplyView{250, {2, 0, 0}, text});
  } else {
    refuse_content(replies::local_error);
  }
  pump();
}

void Inbound::refuse_content(const smtp::ReplyView& reply, bool is_last) {
  parts_.metrics.session.messages_refused.add();
  const std::string text = fmt::format("{} {}", reply.code, reply.text);
  parts_.events.emit(
      parts_.core.wall(),
      observe::MessageRefused{.session = id_,
                              .client = client_,
                              .from = transaction_ != nullptr
                                          ? std::string_view(transaction_->envelope.reverse_path)
                                          : std::string_view{},
                              .octets = transaction_ != nullptr ? transaction_->content_octets : 0,
                              .reply = text});
  const smtp::Reply told = decline(reply, is_last);
  drop_transaction();
  answer(is_last ? smtp::Decision::last(told.view()) : smtp::Decision(told));
}

void Inbound::on(const smtp::ContentAborted& event) {
  if (event.reason == smtp::AbortReason::TooBig || event.reason == smtp::AbortReason::BareLineEnd ||
      event.reason == smtp::AbortReason::TooManyReceived) {
    parts_.metrics.session.messages_refused.add();
    decline(smtp::verdict(event.reason));  // the dialogue has its own words
  }
  drop_transaction();
}

void Inbound::on(const smtp::Reset&) { drop_transaction(); }

void Inbound::on(const smtp::Violation&) { ++errors_; }

void Inbound::on(const smtp::Closed& event) {
  if (close_reason_ == observe::CloseReason::PeerReset ||
      close_reason_ == observe::CloseReason::Tls)
    return;
  close_reason_ = reason_of(event.reason);
  const bool whole_time = parts_.core.now() - began_ >= generation_->session_limits.total;
  if (event.reason == smtp::CloseReason::TimedOut && whole_time)
    close_reason_ = observe::CloseReason::SessionTimeout;
}

}  // namespace ringpost::mta
