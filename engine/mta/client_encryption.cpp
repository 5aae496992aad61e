// ClientConnection: whether what it says is encrypted, to whom, and what is made of a failure. RFC
// 3207, RFC 8314 3.3; an opportunity that fails costs a connection and no mail (RFC 7435).
#include <fmt/format.h>

#include "engine/mta/client_connection.h"
#include "engine/mta/generation.h"

namespace ringpost::mta {
namespace {

// For the log: "TLSv1.3 TLS_AES_128_GCM_SHA256 verified".
std::string text_of(const tls::ChannelFacts& facts) {
  const bool verified = facts.peer && facts.peer->verified;
  const std::string why =
      facts.peer && !facts.peer->problem.empty() ? fmt::format(" ({})", facts.peer->problem) : "";
  return fmt::format("{} {}{} {}{}", facts.version, facts.cipher, facts.resumed ? " resumed" : "",
                     verified ? "verified" : "unverified", verified ? "" : why);
}

}  // namespace

// What the connection is to be, before there is one.
ring::Task<std::optional<NoWay>> ClientConnection::prepare(const Trial& trial) {
  using enum smtp::StartTls;
  settings_.start_tls = Never;
  if (next_.tls == OutgoingTls::Required) settings_.start_tls = Required;
  if (next_.tls == OutgoingTls::WhenOffered && !trial.in_clear) settings_.start_tls = WhenOffered;
  settings_.login.reset();
  if (next_.label.empty()) co_return std::nullopt;
  auto login = co_await login_for(parts_, next_);
  if (!login) co_return std::move(login.error());
  settings_.login = std::move(*login);
  co_return std::nullopt;
}

// Where anybody could have listened without us it is better to be heard than to be silent; a server
// that cannot do what it offers is a common mistake.
bool ClientConnection::may_go_in_clear(const Trial& trial) const {
  return next_.tls == OutgoingTls::WhenOffered && !trial.in_clear && !stopping_;
}

tls::ClientAim ClientConnection::aim() const {
  const conf::Action* action = parts_.generation->config.find_action(next_.options_of);
  const bool verify = action == nullptr || action->relay.verify;
  tls::ClientAim aim;
  // RFC 6066 3: a name, and no address.
  if (!net::Address::parse(host_, 0)) aim.server_name = host_;
  aim.names = {host_};
  aim.must_verify = verify && next_.tls != OutgoingTls::WhenOffered;
  aim.sessions = parts_.client_sessions;
  aim.session_name = fmt::format("{}:{} as {}", host_, next_.port, next_.options_of);
  return aim;
}

// False: the connection is of no use, and refusal_ says why.
ring::Task<bool> ClientConnection::encrypt(Instant deadline) {
  handshake_wanted_ = false;
  auto context = parts_.generation->relay_tls.of(next_.options_of);
  std::string problem;
  if (context == nullptr) {
    problem = "not set up";
  } else if (!link_->unread.empty()) {
    // RFC 3207 6: said by somebody in between, who would have us believe the server said it.
    problem = "octets in the clear came before the handshake";
  } else {
    tls::ClientAim to = aim();
    problem = co_await link_->encrypt(std::move(context), std::move(to), deadline);
  }
  observe::DeliveryMetrics& metrics = parts_.metrics.delivery;
  if (problem.empty()) {
    const tls::ChannelFacts facts = link_->facts();
    (facts.resumed ? metrics.tls_resumed : metrics.tls_full).add();
    encryption_ = text_of(facts);
    if (reports_ != nullptr) reports_->encrypted(facts);
    co_return true;
  }
  metrics.tls_failed.add();
  encryption_failed_ = true;
  refusal_ = fmt::format("{}: TLS: {}", server_, problem);
  const bool in_clear = next_.tls == OutgoingTls::WhenOffered;
  parts_.events.emit(
      parts_.core.wall(),
      observe::RelayTlsFailed{.server = server_, .problem = problem, .in_clear = in_clear});
  co_return false;
}

}  // namespace ringpost::mta
