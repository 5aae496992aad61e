// Inbound: whether mail from strangers is from whom it says, between its last octet and the filters
// of phase commit: SPF, DKIM, DMARC and ARC of one SenderCheck, what is done about its verdict, and
// what is written down of it (RFC 8601).
#include <algorithm>

#include "engine/mta/dmarc_failures.h"
#include "engine/mta/dmarc_rows.h"
#include "engine/mta/inbound.h"
#include "proto/auth/auth_results.h"
#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

auth::Result iprev_of(const std::optional<ClientName>& name) {
  if (!name || name->state == ClientName::State::Failed) return auth::Result::TempError;
  if (name->confirmed == ClientName::Confirmed::Unknown) return auth::Result::TempError;
  if (name->state == ClientName::State::None) return auth::Result::PermError;
  return name->confirmed == ClientName::Confirmed::Yes ? auth::Result::Pass : auth::Result::Fail;
}

// What comes back for a report of ours: from the null reverse-path, to nobody but the address that
// reports come from.
bool answers_report(const store::Envelope& envelope, std::string_view reporter) {
  return envelope.reverse_path.empty() &&
         std::ranges::all_of(envelope.recipients, [reporter](const store::Recipient& one) {
           return ascii::equal_ignoring_case(one.accepted_address, reporter);
         });
}

}  // namespace

// RFC 8601 2.5: the name of what shares our results, or of this server alone.
const std::string& Inbound::results_service() const {
  const std::string& admd = generation_->config.admd;
  return admd.empty() ? listener_.server_name : admd;
}

// Programs of this machine and users who are logged in are known already.
void Inbound::begin_sender_check() {
  if (filters_ != nullptr) filters_->findings.clear();
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
  transaction_->results = std::make_unique<auth::ResultsRemover>(results_service());
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
  if (transaction_->signer != nullptr) transaction_->signer->know_chain(check->arc());
  keep_findings(*check);
  note_for_report(*check);
  if (check->fate() == SenderCheck::Fate::Reject) {
    const std::string text = check->refusal();
    refuse_content({550, {5, 7, 26}, text});
  } else {
    filter(filter::Phase::Commit);
  }
  if (is_later) pump();
}

// RFC 7489 7.3, for those who ask for it and where it is allowed. Bounces and reports of others
// make none: nobody answers himself for ever.
void Inbound::note_failure(const SenderCheck& check, const std::string& results) {
  const auto& reports = generation_->config.dmarc_reports;
  if (!reports || !reports->failures_per_hour || parts_.dmarc_failures == nullptr) return;
  const std::string& sender = transaction_->envelope.reverse_path;
  if (sender.empty() || check.is_report()) return;
  if (!auth::wants_failure_report(check.dmarc(), check.spf().result, check.dkim())) return;
  const std::string& domain = check.dmarc().record_domain;
  if (!parts_.dmarc_failures->admit(domain, *reports->failures_per_hour, parts_.core.now()))
    return parts_.metrics.dmarc.failures_over.add();
  parts_.metrics.dmarc.failures.add();
  parts_.dmarc_failures->put(
      failure_note_of(check, client_, sender, auth::in_one_line(results), parts_.core.wall()));
}

// RFC 7489 7.2: whatever becomes of the message. A report that bounces must not be worth another
// one, which would bounce in the next interval.
void Inbound::note_for_report(const SenderCheck& check) {
  const auto& record = check.dmarc().record;
  const auto& wish = generation_->config.dmarc_reports;
  if (!wish || !record || record->aggregate_uris.empty()) return;
  const store::Envelope& envelope = transaction_->envelope;
  auth::DmarcRow row = dmarc_row_of(check, client_, envelope.reverse_path, parts_.core.wall());
  row.is_report = row.is_report || answers_report(envelope, wish->from);
  parts_.dmarc_rows->put(row, wish->interval);
}

void Inbound::write_results(const SenderCheck& check) {
  const auth::AuthResults results{.service = results_service(),
                                  .spf = &check.spf(),
                                  .mail_from = transaction_->envelope.reverse_path,
                                  .helo = hello_,
                                  .dkim = check.dkim(),
                                  .dmarc = &check.dmarc(),
                                  .disposition = to_text(check.disposition()),
                                  .arc = &check.arc(),
                                  .client_name = iprev_of(client_name_),
                                  .client_address = client_};
  std::string field;
  auth::append_auth_results(field, results);
  if (filters_ != nullptr && filters_->run.wants(filter::ReportEvent::TxResults))
    tell(filter::ReportEvent::TxResults, {message_id(), auth::in_one_line(field)});
  note_failure(check, field);
  std::string& front = transaction_->front;
  front += field;
  if (listener_.source->sender_auth.writes_received_spf)
    auth::append_received_spf(front, results, listener_.server_name);
  if (check.fate() == SenderCheck::Fate::Junk) mark_junk();
}

// For tests of filters.
void Inbound::keep_findings(const SenderCheck& check) {
  if (filters_ == nullptr) return;
  using enum conf::FilterCondition;
  auto& findings = filters_->findings;
  findings = {{Spf, to_text(check.spf().result), check.spf().domain},
              {Dmarc, to_text(check.dmarc().result), check.dmarc().domain},
              {Arc, to_text(check.arc().result), {}},
              {Iprev, to_text(iprev_of(client_name_)), {}}};
  const auto& dkim = check.dkim();
  if (dkim.empty()) findings.push_back({Dkim, to_text(auth::Result::None), {}});
  for (std::size_t i = 0; i < std::min(dkim.size(), auth::told_signatures_max); ++i)
    findings.push_back({Dkim, to_text(dkim[i].result), dkim[i].domain});
}

// RFC 8601 2.7.4, where results are written anyway or it was asked for; as whom only then.
void Inbound::write_login() {
  const conf::Listener* const source = listener_.source;
  if (user_.empty() || source == nullptr) return;
  if (!source->received_auth && !source->sender_auth.is_checked) return;
  const std::string_view told = source->received_auth ? user_ : std::string_view();
  auth::append_auth_results(transaction_->trace, {.service = results_service(), .user = told});
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
