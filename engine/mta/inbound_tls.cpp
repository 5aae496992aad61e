// Inbound: TLS between the connection and its dialogue. RFC 3207, RFC 8314 3 (TLS from the first
// octet on). A handshake that fails ends the connection, nothing else.
#include <fmt/format.h>

#include "engine/mta/inbound.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

constexpr Duration handshake_max = seconds(60);
constexpr std::size_t room_octets = std::size_t{16} * 1024;  // the most that a record has

}  // namespace

void Inbound::on(const smtp::StartTlsReceived&) {
  parts_.signer == nullptr ? answer(smtp::replies::tls_unavailable)
                           : filter(filter::Phase::Starttls);
}

Instant Inbound::handshake_deadline() const {
  if (shakes_hands()) return tls_->deadline;
  // The 220 may wait behind replies that the client does not read.
  const bool is_due = tls_ == nullptr && session_.awaits_tls();
  return is_due ? sending_since_ + handshake_max : never;
}

// After the 220 of STARTTLS, or at once.
void Inbound::begin_tls() {
  if (parts_.signer == nullptr) return tls_failed("no private key can be used");
  tls_ = std::make_unique<Secured>(*this, *listener_.tls, *parts_.signer);
  tls_->deadline = parts_.core.now() + handshake_max;
  if (listener_.tls_mode == conf::TlsMode::Implicit) session_.secured(parts_.core.now());
}

void Inbound::shake_hands() {
  decrypt();
  const tls::Channel& channel = tls_->channel;
  switch (channel.state()) {
    case tls::Channel::State::Handshake:
      if (peer_closed_ && !channel.awaits_signature()) tls_failed("the connection ended");
      return;
    case tls::Channel::State::Failed:
      return tls_failed(channel.problem());
    case tls::Channel::State::Open:
    case tls::Channel::State::PeerEnded:
      return tls_stands();
  }
}

void Inbound::tls_stands() {
  tls_->stands = true;
  tls_->facts = tls_->channel.facts();
  const tls::ChannelFacts& facts = tls_->facts;
  (facts.resumed ? parts_.metrics.session.tls_resumed : parts_.metrics.session.tls_full).add();
  const tls::Certificate* shown = tls_->channel.certificate();
  parts_.events.emit(
      parts_.core.wall(),
      observe::HandshakeDone{.session = id_,
                             .version = facts.version,
                             .cipher = facts.cipher,
                             .server_name = facts.server_name,
                             .key = shown == nullptr || facts.resumed ? "" : to_text(shown->kind),
                             .resumed = facts.resumed,
                             .subject = facts.peer ? std::string_view(facts.peer->subject) : "",
                             .problem = facts.peer ? std::string_view(facts.peer->problem) : ""});
  tell_encryption();
  bind_auth();
  if (session_.awaits_tls()) {
    hello_.clear();
    extended_ = false;
    session_.secured(parts_.core.now());
  }
}

// Lets TLS have what was received until there is plaintext; false: there is none.
bool Inbound::decrypt() {
  if (!tls_->plain().empty()) return true;
  if (!tls_->room) tls_->room = std::make_unique_for_overwrite<std::byte[]>(room_octets);
  tls_->plain_begin = tls_->plain_end = 0;
  while (tls_->plain_end == 0) {
    drop_consumed();
    const auto progress = tls_->channel.receive(unread(), {tls_->room.get(), room_octets});
    consumed_ += progress.consumed;
    tls_->plain_end = progress.produced;
    if (progress.none()) break;
  }
  drop_consumed();
  if (tls_->channel.state() == tls::Channel::State::PeerEnded) {
    // Nothing that follows is of this session.
    peer_closed_ = true;
    drop_input();
  }
  if (tls_->plain_end > 0) return true;
  tls_->room.reset();
  if (tls_->stands && tls_->channel.state() == tls::Channel::State::Failed &&
      !session_.wants_close())
    tls_failed(tls_->channel.problem());
  return false;
}

void Inbound::tls_failed(std::string_view why) {
  if (close_reason_ == observe::CloseReason::Tls) return;
  close_reason_ = observe::CloseReason::Tls;
  parts_.metrics.session.tls_failed.add();
  parts_.events.emit(parts_.core.wall(),
                     observe::HandshakeFailed{.session = id_, .client = client_, .detail = why});
  // Whatever is left of it is not to be read.
  peer_closed_ = true;
  session_.disconnected();
}

// As OpenSMTPD writes it: version, cipher, its bits, and whether the client's certificate is good.
std::string Inbound::encryption() const {
  if (tls_ == nullptr || !tls_->stands) return {};
  const tls::ChannelFacts& facts = tls_->facts;
  return fmt::format("{}:{}:{}:{}", facts.version, facts.cipher, facts.cipher_bits,
                     facts.peer && facts.peer->verified ? "YES" : "NO");
}

}  // namespace ringpost::mta
