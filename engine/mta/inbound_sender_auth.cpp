// Inbound: whether mail from strangers is from whom it says, between its last octet and the filters
// of phase commit: SPF, DKIM, DMARC and ARC of one SenderCheck, what is done about its verdict, and
// what is written down of it (RFC 8601).
#include "engine/mta/inbound.h"
#include "proto/auth/auth_results.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

auth::Result iprev_of(const std::optional<ClientName>& name) {
  if (!name || name->state == ClientName::State::Failed) return auth::Result::TempError;
  if (name->confirmed == ClientName::Confirmed::Unknown) return auth::Result::TempError;
  if (name->state == ClientName::State::None) return auth::Result::PermError;
  return name->confirmed == ClientName::Confirmed::Yes ? auth::Result::Pass : auth::Result::Fail;
}

std::string_view disposition_of(SenderCheck::Fate fate) {
  switch (fate) {
    case SenderCheck::Fate::Accept:
      return "none";
    case SenderCheck::Fate::Junk:
      return "quarantine";
    case SenderCheck::Fate::Reject:
      break;
  }
  return "reject";
}

}  // namespace

// Programs of this machine and users who are logged in are known already.
void Inbound::begin_sender_check() {
  const bool is_wanted = listener_.source != nullptr && listener_.source->sender_auth.is_checked &&
                         !submits() && client_address_;
  if (!is_wanted) return;
  auth::SpfInput spf{.client = *client_address_,
                     .helo = hello_,
                     .mail_from = transaction_->envelope.reverse_path,
                     .receiver = listener_.server_name,
                     .now = parts_.core.wall()};
  const auto sample = static_cast<unsigned>(transaction_->id().value % 100);
  sender_check_ = std::make_unique<SenderCheck>(parts_, generation_, listener_.source->sender_auth,
                                                std::move(spf), sample);
  sender_check_->begin();
  transaction_->results = std::make_unique<auth::ResultsRemover>(listener_.server_name);
}

// What becomes of `pending` is to be appended, then the rest, which is not part of the header.
void Inbound::remove_results() {
  Transaction& transaction = *transaction_;
  transaction.edited.clear();
  const std::size_t taken = transaction.results->edit(transaction.pending, transaction.edited);
  transaction.pending_after = transaction.pending.subspan(taken);
  transaction.pending = bytes_of(transaction.edited);
  if (transaction.results->done()) transaction.results.reset();
}

// A content that is all header.
void Inbound::end_results() {
  Transaction& transaction = *transaction_;
  transaction.edited.clear();
  transaction.results->finish(transaction.edited);
  transaction.results.reset();
  transaction.pending = bytes_of(transaction.edited);
}

// All of it is in the spool, as filter processes left it.
void Inbound::content_is_there() {
  if (sender_check_ == nullptr || transaction_->failed) return filter(filter::Phase::Commit);
  waiting_ = Waiting::Sender;
  judges_sender_ = true;
  sender_check_->finish(*this);
  judges_sender_ = false;
}

// From inside content_is_there(), or later, when nobody pumps.
void Inbound::sender_checked() {
  const bool is_later = !judges_sender_;
  waiting_ = Waiting::Nothing;
  const std::unique_ptr<SenderCheck> check = std::move(sender_check_);
  write_results(*check);
  note_results(*check);
  if (check->fate() == SenderCheck::Fate::Reject) {
    const std::string text = check->refusal();
    refuse_content({550, {5, 7, 26}, text});
  } else {
    filter(filter::Phase::Commit);
  }
  if (is_later) pump();
}

void Inbound::write_results(const SenderCheck& check) {
  std::string& front = transaction_->front;
  auth::append_auth_results(front, {.service = listener_.server_name,
                                    .spf = &check.spf(),
                                    .mail_from = transaction_->envelope.reverse_path,
                                    .helo = hello_,
                                    .dkim = check.dkim(),
                                    .dmarc = &check.dmarc(),
                                    .disposition = disposition_of(check.fate()),
                                    .arc = &check.arc(),
                                    .client_name = iprev_of(client_name_),
                                    .client_address = client_});
  if (check.fate() == SenderCheck::Fate::Junk) front += spam_mark;
}

// For `ringpostctl explain`. Signatures last: strangers choose how many there are.
void Inbound::note_results(const SenderCheck& check) {
  notes_.authenticated("spf", to_text(check.spf().result), check.spf().domain);
  notes_.authenticated("dmarc", to_text(check.dmarc().result), check.dmarc().domain);
  if (check.arc().instances > 0) notes_.authenticated("arc", to_text(check.arc().result), "");
  for (const auth::DkimResult& one : check.dkim())
    notes_.authenticated("dkim", to_text(one.result), one.domain);
  if (check.fate() == SenderCheck::Fate::Junk) notes_.called_junk();
}

}  // namespace ringpost::mta
