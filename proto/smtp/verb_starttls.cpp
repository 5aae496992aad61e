// STARTTLS: RFC 3207. What a client sent behind it in the clear is the owner's to drop; here
// everything said before it is forgotten (RFC 3207 4.2).
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {

Admission ServerSession::admit(Verb verb) const {
  const Admission usual = admission(state_, verb);
  const bool known = usual != Admission::NotImplemented && usual != Admission::Unknown;
  if (!known || secured_ || state_ == State::Rejected) return usual;
  if (verb == Verb::StartTls && tls_offer_ == TlsOffer::None) return Admission::NotImplemented;
  // RFC 3207 4: 530 to anything but these.
  const bool needs_none = verb == Verb::Noop || verb == Verb::Ehlo || verb == Verb::StartTls ||
                          verb == Verb::Quit || tls_offer_ != TlsOffer::Required;
  return needs_none ? usual : Admission::NeedTls;
}

void ServerSession::start_tls(std::string_view arguments) {
  const auto parsed = parse_other(Verb::StartTls, arguments);
  if (!parsed) return refuse(parsed.error(), ViolationKind::Syntax);
  if (secured_) return refuse(replies::tls_active, ViolationKind::Sequence);
  ask(Asked::StartTls, StartTlsReceived{});
}

void ServerSession::start_tls_answered(const Decision& decision) {
  if (!decision.accepts()) return refused_by_owner(decision);
  say(replies::ready_for_tls);
  phase_ = Phase::AwaitsTls;
  reset_due_ = is_in_transaction();
  drop_transaction(AbortReason::Reset);
}

void ServerSession::secured(Instant now) {
  secured_ = true;
  last_activity_ = now;
  if (phase_ != Phase::AwaitsTls) return;
  phase_ = Phase::Commands;
  state_ = State::Connected;
  hello_extended_ = false;
  drain();
}

}  // namespace ringpost::smtp
