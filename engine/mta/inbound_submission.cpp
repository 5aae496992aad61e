// Inbound: what is done for those who submit mail (RFC 6409), and only for them: their addresses
// and headers are completed, and an authenticated user sends as nobody else.
#include "engine/mta/inbound.h"
#include "proto/conf/senders.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

constexpr std::uint16_t submission_port = 587, submissions_port = 465;

}  // namespace

bool Inbound::submits() const {
  const std::uint16_t port = listener_.is_socket ? 0 : listener_.address.port();
  return listener_.is_socket || port == submission_port || port == submissions_port ||
         session_.is_authenticated();
}

// Who is not authenticated has nothing to be held against; rules decide what may be sent then.
const conf::Table* Inbound::senders() const {
  return user_.empty() || listener_.source == nullptr ? nullptr : listener_.source->senders;
}

// As judge_recipient(): asks what it must, and is called again.
void Inbound::judge_sender() {
  using enum conf::SenderVerdict::State;
  conf::SenderVerdict verdict =
      conf::judge_sender(*senders(), user_, {sender_.local, sender_.domain},
                         generation_->config.smtp.sub_address_delimiter, *lookups_);
  switch (verdict.state) {
    case Later:
      waiting_ = Waiting::Answer;
      asked_ = std::move(*verdict.waiting_for);
      parts_.enquiries->ask(asked_, generation_, asker_);
      return;
    case Allowed:
      tell_result(filter::ReportEvent::TxMail, 250, transaction_->envelope.reverse_path);
      answer(smtp::Decision::accept());
      break;
    case Refused:
      refuse_sender(smtp::replies::not_your_address);
      break;
    case TemporaryFailure:
      parts_.events.emit(
          parts_.core.wall(),
          observe::LookupFailed{.session = id_, .recipient = user_, .reason = verdict.reason});
      refuse_sender(smtp::replies::local_error);
      break;
  }
  lookups_.reset();
}

void Inbound::refuse_sender(const smtp::ReplyView& reply) {
  const smtp::Reply told = decline(reply);
  drop_transaction();
  answer(told);
}

void Inbound::begin_header() {
  const Transaction& transaction = *transaction_;
  const bool masquerades = senders() != nullptr && listener_.source->masquerade;
  transaction_->header = std::make_unique<submission::HeaderEditor>(submission::HeaderEdits{
      .host = listener_.server_name,
      .author = masquerades ? transaction.envelope.reverse_path : std::string(),
      .now = parts_.core.wall(),
      .unique = transaction.id().value});
  transaction_->results = std::make_unique<auth::ResultsRemover>(results_service());
}

}  // namespace ringpost::mta
