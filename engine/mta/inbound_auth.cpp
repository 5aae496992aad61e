// Inbound: who the client is. Offered as its listener says; the exchange itself is an AuthDialogue.
#include "engine/mta/attempt_limiter.h"
#include "engine/mta/inbound.h"
#include "proto/base/base64.h"

namespace ringpost::mta {

// The session announces it under TLS only.
void Inbound::offer_auth() {
  if (listener_.auth_mechanisms.empty()) return;
  auth_mechanisms_ = listener_.auth_mechanisms;
  session_.offer_auth(auth_mechanisms_);
  if (listener_.source->auth == conf::AuthMode::Required) session_.demand_auth();
}

// A client may bind what it proves to this very channel (RFC 9266).
void Inbound::bind_auth() {
  if (!auth_mechanisms_.contains("SCRAM-SHA-256") || !tls_->channel.binding()) return;
  auth_mechanisms_ = "SCRAM-SHA-256-PLUS " + listener_.auth_mechanisms;
  session_.offer_auth(auth_mechanisms_);
}

// The filters hear of the beginning of an exchange.
void Inbound::on(const smtp::AuthStep& event) {
  if (filters_ == nullptr || event.mechanism.empty()) return begin_auth(event);
  filters_->auth.mechanism = event.mechanism;
  filters_->auth.response.reset();
  if (event.response) filters_->auth.response.emplace(event.response->reveal());
  std::string said = event.mechanism;
  if (event.response) said += " " + base64_encode(event.response->reveal());
  filter(filter::Phase::Auth, {std::move(said)});
}

void Inbound::begin_auth(const smtp::AuthStep& event) {
  if (auth_ == nullptr) {
    AuthClient client{.session = id_,
                      .address = client_,
                      .group = client_address_ ? address_group(*client_address_) : client_,
                      .credentials = listener_.source->credentials,
                      .mechanisms = auth_mechanisms_};
    if (const auto binding = tls_ == nullptr ? std::nullopt : tls_->channel.binding())
      client.bindings.push_back({"tls-exporter", std::string(text_of(Bytes(*binding)))});
    AuthDialogueOwner& owner = *this;
    auth_ = std::make_unique<AuthDialogue>(parts_, generation_, std::move(client), owner);
  }
  auth_->take(event);
  if (session_.awaits_answer()) waiting_ = Waiting::Auth;
}

void Inbound::on(const smtp::AuthAborted&) { auth_->aborted(); }

void Inbound::auth_replied(const smtp::ReplyView& reply, const std::string& user) {
  const bool waited = waiting_ == Waiting::Auth;
  waiting_ = waited ? Waiting::Nothing : waiting_;
  if (!user.empty()) user_ = user;
  if (reply.code == 535 && filters_ != nullptr) filters_->run.client_failed();
  if (reply.code != 334)
    tell(filter::ReportEvent::LinkAuth, {user, reply.code == 235   ? "pass"
                                               : reply.code == 535 ? "fail"
                                                                   : "error"});
  reply.code == 535 || reply.code == 454 ? refuse(reply) : answer(reply);
  if (waited) pump();
}

}  // namespace ringpost::mta
