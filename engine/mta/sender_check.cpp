// What a message's sender is worth: see sender_check.h.
#include "engine/mta/sender_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/mta/ascii_domain.h"
#include "proto/auth/dmarc_report.h"

namespace ringpost::mta {
namespace {

// For one round of questions, and for all of them once the content is there. RFC 7208 4.6.4 asks
// for 20 s at least.
constexpr Duration round_max = seconds(10);
constexpr Duration all_max = seconds(20);
// For all of them when the session must end: well within what a drain leaves it.
constexpr Duration hurry_max = seconds(2);

}  // namespace

SenderCheck::SenderCheck(WorkerParts& parts, std::shared_ptr<const Generation> generation,
                         const conf::SenderAuth& wish, auth::SpfInput spf, unsigned sample)
    : parts_(parts),
      generation_(std::move(generation)),
      wish_(wish),
      input_(std::move(spf)),
      sample_(sample) {
  input_.helo = ascii_domain(input_.helo);
  input_.mail_from = with_ascii_domain(input_.mail_from);
}

SenderCheck::~SenderCheck() {
  for (Enquiry& enquiry : enquiries_) parts_.resolver->forget(enquiry);
}

void SenderCheck::begin() {
  deadline_ = parts_.core.now() + round_max;
  step();
}

void SenderCheck::finish(SenderCheckOwner& owner) {
  owner_ = &owner;
  verifier_.finish();
  authors_ = auth::author_domains(verifier_.header());
  for (std::string& domain : authors_) domain = ascii_domain(domain);
  all_there_ = true;
  deadline_ = parts_.core.now() + all_max;
  if (hurries_) return hurry();
  if (pending_ == 0) step();
}

void SenderCheck::hurry() {
  hurries_ = true;
  if (!all_there_ || done_) return;
  deadline_ = std::min(deadline_, parts_.core.now() + hurry_max);
  for (Enquiry& enquiry : enquiries_)
    if (enquiry.is_open) parts_.resolver->forget(enquiry);
  ask(deadline_);
  if (pending_ == 0) step();
}

void SenderCheck::found(Enquiry& enquiry, dns::AnswerPointer answer) {
  enquiry.is_open = false;
  memo_.put(enquiry.question, std::move(answer));
  --pending_;
  if (pending_ == 0 && !asking_) step();
}

void SenderCheck::ask(Instant deadline) {
  asking_ = true;
  for (Enquiry& enquiry : enquiries_)
    if (enquiry.is_open) parts_.resolver->ask(enquiry.question, deadline, enquiry);
  asking_ = false;
}

// Until something is asked whose answer is not there yet, or all is known.
void SenderCheck::step() {
  while (pending_ == 0 && !done_) {
    if (evaluate()) {
      done_ = true;
      break;
    }
    enquiries_.clear();
    for (dns::Question& question : memo_.take_wanted())
      enquiries_.emplace_back(*this, std::move(question));
    if (enquiries_.empty()) return;  // the content is to come
    pending_ = enquiries_.size();
    ask(std::min(parts_.core.now() + round_max, deadline_));
  }
  if (done_ && owner_ != nullptr) std::exchange(owner_, nullptr)->sender_checked();
}

bool SenderCheck::evaluate() {
  const WallTime now = input_.now;
  if (!spf_) spf_ = auth::evaluate_spf(input_, memo_);
  if (!all_there_) return false;
  if (!dkim_) dkim_ = verifier_.evaluate_dkim(memo_, now);
  if (!arc_) arc_ = verifier_.evaluate_arc(memo_, now);
  if (!spf_ || !dkim_ || !arc_) return false;
  const auth::DmarcInput input{.author_domains = authors_,
                               .spf = spf_->result,
                               .spf_domain = spf_->domain,
                               .dkim = *dkim_,
                               .sample = sample_,
                               .header_is_cut = verifier_.header_is_cut()};
  dmarc_ = auth::evaluate_dmarc(input, generation_->suffixes.get(), memo_);
  return dmarc_.has_value();
}

// RFC 8617 7.2.1: somebody whom we believe has seen the message pass, and says that nothing was
// changed since by others.
bool SenderCheck::is_vouched_for() const {
  return wish_.sealers != nullptr && arc_->result == auth::Result::Pass && arc_->signs_from &&
         std::ranges::all_of(arc_->sealers, [this](const std::string& sealer) {
           return wish_.sealers->matches_domain(sealer);
         });
}

std::string SenderCheck::header_text(std::size_t octets_max) const {
  std::string text;
  for (const auth::HeaderField& field : verifier_.header().fields()) {
    if (text.size() + field.whole.size() > octets_max) break;
    text += field.whole;
  }
  return text;
}

bool SenderCheck::is_report() const {
  if (dmarc_->result != auth::Result::Pass) return false;
  const auth::MessageHeader& header = verifier_.header();
  return std::ranges::any_of(header.places("subject"), [&header](std::size_t place) {
    return auth::is_report_subject(header.fields()[place].value);
  });
}

SenderCheck::Fate SenderCheck::fate() const {
  // A message whose authors cannot be judged is no failure, but nobody asks for it either.
  const bool is_wrong =
      dmarc_->result == auth::Result::Fail || dmarc_->disposition != auth::DmarcPolicy::None;
  if (!is_wrong || is_vouched_for()) return Fate::Accept;
  if (wish_.overrides != nullptr) {
    const auto word = wish_.overrides->find(dmarc_->domain);
    const auto action = word ? conf::dmarc_action_of(*word) : std::nullopt;
    if (action == conf::DmarcAction::None) return Fate::Accept;
    if (action) return action == conf::DmarcAction::Junk ? Fate::Junk : Fate::Reject;
  }
  const bool is_rejected = dmarc_->disposition == auth::DmarcPolicy::Reject;
  if (wish_.action == conf::DmarcAction::None || dmarc_->disposition == auth::DmarcPolicy::None)
    return Fate::Accept;
  return is_rejected && wish_.action == conf::DmarcAction::Reject ? Fate::Reject : Fate::Junk;
}

auth::DmarcPolicy SenderCheck::disposition() const {
  const Fate decided = fate();
  if (decided == Fate::Accept) return auth::DmarcPolicy::None;
  return decided == Fate::Junk ? auth::DmarcPolicy::Quarantine : auth::DmarcPolicy::Reject;
}

// RFC 7489 10.3; RFC 7372 3.3.
std::string SenderCheck::refusal() const {
  if (dmarc_->result != auth::Result::Fail)
    return fmt::format("Not accepted: who wrote this cannot be told ({})", dmarc_->problem);
  return fmt::format("Not accepted: {} says by DMARC that mail like this is not from there",
                     dmarc_->domain);
}

}  // namespace ringpost::mta
