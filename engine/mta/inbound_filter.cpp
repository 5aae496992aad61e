// Inbound: where the filters of a listener have their say: before each step of the dialogue. What
// is refused has changed nothing.
#include <fmt/format.h>

#include "engine/mta/inbound.h"
#include "proto/smtp/command.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

using filter::Phase;
using filter::ReportEvent;

// "<a@b>" and "a@b" are the same to whoever writes filters.
std::string_view without_brackets(std::string_view value) {
  const bool has_both = value.size() >= 2 && value.starts_with('<') && value.ends_with('>');
  return has_both ? value.substr(1, value.size() - 2) : value;
}

// "ok", "tempfail" or "permfail", as filters are told of replies.
std::string_view result_of(unsigned code) {
  return code < 400 ? "ok" : code < 500 ? "tempfail" : "permfail";
}

}  // namespace

void Inbound::filter(Phase phase, std::vector<std::string> parameters,
                     conf::AddressView recipient) {
  if (filters_ == nullptr) return passed(phase);
  filters_->phase = phase;
  filters_->is_beginning = true;
  filters_->began = parts_.core.now();
  waiting_ = Waiting::Filter;
  filters_->run.begin(phase, std::move(parameters), recipient);
  filters_->is_beginning = false;
}

// From inside filter(), or later, when nobody pumps.
void Inbound::filtered(FilterVerdict verdict) {
  CHECK(waiting_ == Waiting::Filter);
  waiting_ = Waiting::Nothing;
  notes_.spent(store::Stage::Filters, parts_.core.now() - filters_->began);
  const bool is_beginning = filters_->is_beginning;
  const Phase phase = filters_->phase;
  if (verdict.kind != FilterVerdict::Kind::Proceed) {
    refused_by_filter(verdict);
  } else {
    const bool in_message = phase == Phase::MailFrom || phase == Phase::RcptTo ||
                            phase == Phase::Data || phase == Phase::Commit;
    if (verdict.junk && phase == Phase::Commit) mark_junk();
    if (verdict.junk) (in_message ? filters_->junk_message : filters_->junk_session) = true;
    if (verdict.rewritten) rewrite(*verdict.rewritten);
    passed(phase);
  }
  if (!is_beginning) pump();
}

void Inbound::passed(Phase phase) {
  switch (phase) {
    case Phase::Connect:
      tell(ReportEvent::LinkGreeting, {listener_.server_name});
      return answer(smtp::Decision::accept());
    case Phase::Helo:
    case Phase::Ehlo:
      return begin_hello(filters_->hello);
    case Phase::Auth:
      return begin_auth(filters_->auth);
    case Phase::MailFrom:
      return begin_transaction(filters_->mail);
    case Phase::RcptTo:
      return judge_recipient();
    case Phase::Data:
      return begin_content();
    case Phase::Commit:
      return sign();
    default:
      return answer(smtp::Decision::accept());
  }
}

void Inbound::on(const smtp::SmallCommand& event) {
  using enum smtp::SmallCommand::Kind;
  switch (event.kind) {
    case Rset:
      return filter(Phase::Rset);
    case Noop:
      return filter(Phase::Noop);
    case Help:
      return filter(Phase::Help);
    case Quit:
      return filter(Phase::Quit);
  }
}

void Inbound::filter_connection() {
  if (filters_ == nullptr) return passed(Phase::Connect);
  filter(Phase::Connect, {shown_client_name(), listener_.is_socket ? "local" : client_});
}

std::string Inbound::shown_client_name() const {
  return client_name_ && !client_name_->name.empty() ? client_name_->name : "<unknown>";
}

void Inbound::filters_bound() {
  filters_->is_bound = true;
  constexpr Phase small_commands[] = {Phase::Rset, Phase::Noop, Phase::Help, Phase::Quit};
  if (std::ranges::any_of(small_commands, [this](Phase p) { return filters_->run.decides(p); }))
    session_.ask_small_commands();
  using enum ClientName::Confirmed;
  const bool is_open = !client_name_ || client_name_->state == ClientName::State::Failed ||
                       client_name_->confirmed == Unknown;
  const bool is_confirmed = listener_.is_socket || (client_name_ && client_name_->confirmed == Yes);
  const std::string here =
      listener_.is_socket ? "unix:" + listener_.interface_name : listener_.address.to_text();
  tell(ReportEvent::LinkConnect,
       {shown_client_name(),
        is_confirmed ? "pass"
        : is_open    ? "error"
                     : "fail",
        listener_.is_socket ? std::string_view("local") : std::string_view(source_), here});
  tell_encryption();
}

// When both stand, TLS and what is told of it.
void Inbound::tell_encryption() {
  if (tls_ == nullptr || !tls_->stands) return;
  const tls::ChannelFacts& facts = tls_->facts;
  tell(ReportEvent::LinkTls,
       {fmt::format("{}:{}:{}", facts.version, facts.cipher, facts.cipher_bits)});
}

void Inbound::tell_result(ReportEvent event, unsigned code, std::string_view value) {
  if (filters_ == nullptr || !filters_->run.wants(event)) return;
  const std::string id = message_id();
  if (event == ReportEvent::TxData) return tell(event, {id, result_of(code)});
  tell(event, {id, result_of(code), value});
}

// What was begun comes to nothing.
void Inbound::drop_transaction() {
  sender_check_.reset();
  if (filters_ != nullptr) {
    filters_->run.forget_content();
    if (std::exchange(filters_->waits_for_room, false)) parts_.spooler->forget(room_);
    filters_->has_content = false;
    std::string().swap(filters_->came);
    if (transaction_ != nullptr) {
      const std::string id = message_id();
      tell(ReportEvent::TxRollback, {id});
      tell(ReportEvent::TxReset, {id});
    }
  }
  transaction_.reset();
  notes_.end_transaction();
}

void Inbound::refused_by_filter(const FilterVerdict& verdict) {
  const smtp::ReplyView reply = verdict.reply.view();
  const bool is_last = verdict.kind == FilterVerdict::Kind::Disconnect;
  switch (filters_->phase) {
    case Phase::RcptTo:
      parts_.metrics.session.recipients_refused.add();
      tell_result(ReportEvent::TxRcpt, reply.code, smtp::to_text(rcpt_->recipient));
      rcpt_.reset();
      lookups_.reset();
      return refuse(reply, is_last);
    case Phase::Commit:
      return refuse_content(reply, is_last);
    default:
      return refuse(reply, is_last);
  }
}

// What is no name or address leaves the client's: a filter cannot bring in what a client could not.
void Inbound::rewrite(const std::string& value) {
  switch (filters_->phase) {
    case Phase::Helo:
    case Phase::Ehlo:
      if (auto hello = smtp::parse_hello(smtp::Verb::Ehlo, value))
        filters_->hello.name = std::move(hello->name);
      return;
    case Phase::MailFrom:
      if (auto sender = smtp::parse_reverse_path(without_brackets(value)))
        filters_->mail.sender = std::move(*sender);
      return;
    case Phase::RcptTo:
      if (auto recipient = smtp::parse_forward_path(without_brackets(value)))
        rcpt_->recipient = std::move(*recipient);
      return;
    default:
      return;
  }
}

// At the end of its content.
void Inbound::mark_junk() {
  if (spam_field().empty() && !transaction_->front.contains(spam_mark))
    transaction_->front += spam_mark;
}

std::string_view Inbound::spam_field() const {
  const bool is_junk = filters_ != nullptr && (filters_->junk_session || filters_->junk_message);
  return is_junk ? spam_mark : std::string_view{};
}

}  // namespace ringpost::mta
