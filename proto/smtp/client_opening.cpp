// ClientSession before its first message: greeting, EHLO or LHLO, STARTTLS (RFC 3207), AUTH by
// PLAIN (RFC 4616) or LOGIN (RFC 4954 4). A server that cannot give what is required is left with
// QUIT.
#include <fmt/format.h>

#include "proto/base/base64.h"
#include "proto/base/check.h"
#include "proto/smtp/client_session.h"

namespace ringpost::smtp {
namespace {

// Outcomes that no server spoke; RFC 3463 for the status. Temporary: what is missing is a setting,
// of ours or of the server's, or somebody in between took it away.
constexpr ReplyView no_start_tls{
    451, {4, 7, 0}, "Server does not offer STARTTLS, which is required"};
constexpr ReplyView login_in_clear{
    451, {4, 7, 0}, "Not logged in, since the connection is not encrypted"};
constexpr ReplyView no_login{451, {4, 7, 0}, "Server offers no AUTH by PLAIN or LOGIN"};
constexpr ReplyView unexpected_challenge{451, {4, 5, 0}, "Server's challenge not understood"};

}  // namespace

void ClientSession::take_greeting(const ReplyView& reply) {
  if (reply.severity() != 2) {
    end(EndReason::Refused, reply, false);
    return;
  }
  say_hello();
}

void ClientSession::say_hello() {
  out_ += fmt::format("{} {}\r\n", settings_.lmtp ? "LHLO" : "EHLO", settings_.name);
  state_ = State::Hello;
}

void ClientSession::take_hello(const ReplyView& reply) {
  if (reply.severity() == 2) {
    if (!old_hello_) announced_ = parse_announced(reply);
    go_on_after_hello();
  } else if (reply.severity() == 5 && !old_hello_ && !settings_.lmtp) {
    old_hello_ = true;  // RFC 5321 4.1.1.1, 4.1.4
    out_ += fmt::format("HELO {}\r\n", settings_.name);
  } else {
    end(EndReason::Refused, reply, false);
  }
}

void ClientSession::go_on_after_hello() {
  if (!is_encrypted_ && settings_.start_tls != StartTls::Never && announced_.starttls) {
    out_ += "STARTTLS\r\n";
    state_ = State::StartingTls;
  } else if (!is_encrypted_ && settings_.start_tls == StartTls::Required) {
    refuse_server(no_start_tls);
  } else if (settings_.login) {
    begin_login();
  } else {
    state_ = State::Idle;
  }
}

// RFC 3207 4: 220, or the server does not want to (454) or cannot (501, 5yz).
void ClientSession::take_start_tls(const ReplyView& reply) {
  if (reply.severity() == 2) {
    state_ = State::Handshake;
    handshake_told_ = false;
  } else if (settings_.start_tls == StartTls::Required) {
    end(EndReason::Refused, reply, false);
  } else if (settings_.login) {
    begin_login();
  } else {
    state_ = State::Idle;
  }
}

void ClientSession::encrypted(Instant now) {
  if (state_ == State::Ended) return;
  CHECK(state_ == State::Handshake && handshake_told_);
  is_encrypted_ = true;
  // RFC 3207 4.2: what the server said before counts no more.
  announced_ = {};
  old_hello_ = false;
  say_hello();
  arm(now);
}

// Of a secret nothing is left but in what goes out.
void ClientSession::say_encoded(std::string_view text) {
  std::string encoded = base64_encode(text);
  out_.append(encoded).append("\r\n");
  wipe(encoded.data(), encoded.size());
}

void ClientSession::begin_login() {
  if (!is_encrypted_) return refuse_server(login_in_clear);
  state_ = State::LoggingIn;
  login_step_ = 0;
  const ClientLogin& login = *settings_.login;
  if (announced_.auth_plain) {  // RFC 4616 2: authzid NUL authcid NUL passwd
    std::string message;
    message.reserve(2 + login.user.size() + login.password.size());
    message.append(1, '\0').append(login.user).append(1, '\0').append(login.password.reveal());
    out_ += "AUTH PLAIN ";
    say_encoded(message);
    wipe(message.data(), message.size());
    login_step_ = 2;
  } else if (announced_.auth_login) {
    out_ += "AUTH LOGIN\r\n";
  } else {
    refuse_server(no_login);
  }
}

void ClientSession::take_login(const ReplyView& reply) {
  if (reply.severity() == 2) {
    state_ = State::Idle;
  } else if (reply.severity() == 3 && login_step_ < 2) {
    const ClientLogin& login = *settings_.login;
    say_encoded(login_step_ == 0 ? std::string_view(login.user) : login.password.reveal());
    ++login_step_;
  } else if (reply.severity() == 3) {
    out_ += "*\r\n";
    refuse_server(unexpected_challenge);
  } else {
    end(EndReason::Refused, reply, false);
  }
}

void ClientSession::refuse_server(const ReplyView& why) { end(EndReason::Refused, why, true); }

}  // namespace ringpost::smtp
