// Inbound: signatures, between the filters of phase commit and the commit: by DKIM for mail of
// those whom this server knows, with an ARC set for what strangers sent and what leaves again.
#include <algorithm>

#include <fmt/format.h>

#include "engine/mta/inbound.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

constexpr smtp::ReplyView cannot_sign{451, {4, 7, 5}, "This message cannot be signed now"};

}  // namespace

// A rule for senders whose address is known relays for them to anywhere. Mail that it delivers
// here, or relays to domains it names, may be that of strangers, behind a gateway: a signature
// would make it ours.
bool Inbound::relays_for_known(const conf::Rule& rule) {
  const bool is_known = rule.from == conf::FromKind::Local || rule.from == conf::FromKind::Source;
  const bool is_anywhere = rule.for_ == conf::ForKind::Any || rule.for_test.negated;
  return is_known && !rule.from_test.negated && is_anywhere && rule.action != nullptr &&
         rule.action->method == conf::Method::Relay;
}

bool Inbound::leaves_again() const {
  const auto leaves = [this](const store::Recipient& recipient) {
    const conf::Action* const action = generation_->config.find_action(recipient.action);
    return action != nullptr && action->method == conf::Method::Relay;
  };
  return std::ranges::any_of(transaction_->envelope.recipients, leaves);
}

// Who may sign is known now, whether anything is signed when the header is there.
void Inbound::begin_signing() {
  const SigningKeys& keys = generation_->signing;
  const bool is_known =
      listener_.is_socket || session_.is_authenticated() || transaction_->is_from_known;
  using Purpose = MailSigner::Purpose;
  const bool signs = is_known && keys.signs();
  const bool seals = !is_known && keys.seal && sender_check_ != nullptr && leaves_again();
  if (signs || seals)
    transaction_->signer =
        std::make_unique<MailSigner>(parts_, generation_, seals ? Purpose::Seal : Purpose::Dkim);
}

void Inbound::sign() {
  if (transaction_->signer == nullptr || transaction_->failed) return commit();
  if (!ask_for_signatures()) {
    transaction_->signer.reset();
    return commit();
  }
  waiting_ = Waiting::Signature;
}

bool Inbound::ask_for_signatures() {
  MailSigner& signer = *transaction_->signer;
  if (signer.purpose() == MailSigner::Purpose::Dkim)
    return signer.sign({.user = user_, .tag = listener_.tag}, *this);
  return signer.seal(transaction_->front, results_service(), *this);
}

void Inbound::mail_signed(bool is_done) {
  waiting_ = Waiting::Nothing;
  const std::unique_ptr<MailSigner> signer = std::move(transaction_->signer);
  if (is_done) {
    transaction_->front.insert(0, signer->fields());
    for (const SigningKey* key : signer->signers())
      notes_.authenticated("signed", key->line == nullptr ? "arc" : "dkim",
                           fmt::format("{}/{}", key->domain, key->selector));
    commit();
  } else {
    refuse_content(cannot_sign);
  }
  pump();
}

}  // namespace ringpost::mta
