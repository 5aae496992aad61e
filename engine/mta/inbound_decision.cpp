// Inbound: the record of each decision about a client: what was accepted, and what was refused at
// which stage. What has nothing to do with a decision (syntax, order of commands, limits) leaves
// none.
#include <fmt/format.h>

#include "engine/mta/decision_log.h"
#include "engine/mta/inbound.h"
#include "engine/mta/spooler.h"

namespace ringpost::mta {
namespace {

using store::NameState;
using store::Stage;

struct StageOf {
  std::optional<Stage> operator()(const smtp::Opened&) const { return Stage::Connect; }
  std::optional<Stage> operator()(const smtp::HelloReceived&) const { return Stage::Hello; }
  std::optional<Stage> operator()(const smtp::AuthStep&) const { return Stage::Auth; }
  std::optional<Stage> operator()(const smtp::MailFrom&) const { return Stage::Mail; }
  std::optional<Stage> operator()(const smtp::RcptTo&) const { return Stage::Rcpt; }
  std::optional<Stage> operator()(const smtp::ContentBegin&) const { return Stage::Data; }
  std::optional<Stage> operator()(const smtp::ContentEnd&) const { return Stage::Commit; }
  std::optional<Stage> operator()(const auto&) const { return std::nullopt; }
};

NameState state_of(const std::optional<ClientName>& name) {
  if (!name) return NameState::NotKnown;
  if (name->state == ClientName::State::None) return NameState::None;
  if (name->state == ClientName::State::Failed) return NameState::Failed;
  switch (name->confirmed) {
    case ClientName::Confirmed::Yes:
      return NameState::Confirmed;
    case ClientName::Confirmed::No:
      return NameState::Unconfirmed;
    case ClientName::Confirmed::Unknown:
      break;
  }
  return NameState::Unchecked;
}

std::string_view word_of(conf::Outcome outcome) {
  switch (outcome) {
    case conf::Outcome::Deliver:
      return "deliver";
    case conf::Outcome::Refused:
      return "refused";
    case conf::Outcome::Unknown:
      return "unknown user";
    case conf::Outcome::Loop:
      return "loop";
    case conf::Outcome::TemporaryFailure:
      return "temporary failure";
    case conf::Outcome::Error:
      return "error of an alias";
    case conf::Outcome::Later:
      break;
  }
  return "not known yet";
}

}  // namespace

void Inbound::begin_stage(const smtp::Event& event) {
  const auto stage = std::visit(StageOf(), event);
  if (!stage) return;
  // What a refused MAIL has left is not the session's.
  const bool is_of_session = *stage == Stage::Hello || *stage == Stage::Auth;
  if (is_of_session && transaction_ == nullptr) notes_.end_transaction();
  notes_.begin(*stage, parts_.core.now());
}

// Where the rule stands, for whoever reads the configuration.
std::string Inbound::place_of(const conf::Rule* rule) const {
  if (rule == nullptr) return {};
  const conf::Position& position = rule->position;
  if (position.file == 0) return fmt::format("{}", position.line);
  return fmt::format("{}:{}", generation_->config.files[position.file], position.line);
}

void Inbound::trace_recipient(const conf::Expansion& expansion) {
  observe::EventSink& events = parts_.events;
  if (!events.wants<observe::RuleDecided>() && !events.wants<observe::Expanded>()) return;
  const WallTime now = parts_.core.wall();
  const std::string recipient = smtp::to_text(rcpt_->recipient);
  const std::string rule = place_of(expansion.rule);
  events.emit(now, observe::RuleDecided{.session = id_,
                                        .recipient = recipient,
                                        .rule = rule,
                                        .outcome = word_of(expansion.outcome)});
  for (const conf::Delivery& delivery : expansion.deliveries) {
    const std::string address = delivery.destination_domain.empty()
                                    ? delivery.destination_user
                                    : delivery.destination_user + "@" + delivery.destination_domain;
    events.emit(now,
                observe::Expanded{.session = id_,
                                  .recipient = recipient,
                                  .action = delivery.action != nullptr ? delivery.action->name : "",
                                  .user = delivery.user.username,
                                  .target = delivery.target.empty() ? address : delivery.target});
  }
}

// `use` is called with a record that is of no use afterwards.
void Inbound::with_record(store::DecisionVerdict verdict, QueueId id, const smtp::ReplyView& reply,
                          const std::function<void(const store::DecisionRecord&)>& use) const {
  store::DecisionRecord& record = parts_.decisions->blank();
  const std::string status = reply.enhanced.is_present() ? to_text(reply.enhanced) + " " : "";
  const std::string text = status + std::string(reply.text);
  const std::string listener = listener_.is_socket ? "local" : listener_.address.to_text();
  notes_.fill(record);
  record.id = id;
  record.session = id_.value;
  record.at = parts_.core.wall();
  record.verdict = verdict;
  record.is_junk = record.is_junk || !spam_field().empty();
  record.code = reply.code;
  record.reply = text;
  record.client = client_;
  record.name_state = state_of(client_name_);
  if (client_name_) record.client_name = client_name_->name;
  record.listener = listener;
  record.tag = listener_.tag;
  record.hello = hello_;
  if (record.stage == Stage::Hello && filters_ != nullptr) record.hello = filters_->hello.name;
  if (tls_ != nullptr && tls_->stands) record.tls = tls_->facts.version;
  record.user = user_;
  record.content_octets =
      transaction_ != nullptr ? transaction_->content_octets : committed_octets_;
  use(record);
}

void Inbound::record_decision(store::DecisionVerdict verdict, QueueId id,
                              const smtp::ReplyView& reply) const {
  with_record(verdict, id, reply,
              [this](const store::DecisionRecord& record) { parts_.decisions->put(record); });
}

void Inbound::leave_record() {
  notes_.end(parts_.core.now());
  const auto leave = [this](const store::DecisionRecord& record) {
    std::string encoded(store::decision_octets_max, '\0');
    encoded.resize(store::encode(record, std::as_writable_bytes(std::span(encoded))));
    committing_->leave_record(std::move(encoded));
  };
  with_record(store::DecisionVerdict::Accepted, committing_->id(), {}, leave);
}

smtp::Reply Inbound::decline(const smtp::ReplyView& reply, bool is_last) {
  notes_.end(parts_.core.now());
  const QueueId id = notes_.id().value != 0 ? notes_.id() : parts_.spooler->new_id();
  record_decision(is_last || reply.code == 421 ? store::DecisionVerdict::Disconnected
                                               : store::DecisionVerdict::Refused,
                  id, reply);
  return with_token(reply, id);
}

void Inbound::refuse(const smtp::ReplyView& reply, bool is_last) {
  const smtp::Reply told = decline(reply, is_last);
  answer(is_last ? smtp::Decision::last(told.view()) : smtp::Decision(told));
}

void Inbound::filter_said(const conf::Filter& filter, filter::Phase phase, observe::FilterWord word,
                          std::string_view text, std::string_view reason) {
  notes_.filter_said(filter, phase, word, text, reason);
}

}  // namespace ringpost::mta
