// AUTH and its exchange: RFC 4954. The owner speaks the mechanisms; here stand the lines of the
// exchange, base64, and when AUTH may come. What is refused ends the exchange and counts as an
// error.
#include <algorithm>

#include "proto/base/ascii.h"
#include "proto/base/base64.h"
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {
namespace {

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return ascii::is_lower(c) ? static_cast<char>(c - 32) : c; });
  return result;
}

}  // namespace

void ServerSession::auth(std::string_view arguments, Admission admitted) {
  auth_tried_ = true;
  if (admitted == Admission::NeedTls) return refuse(refusal(admitted), ViolationKind::Sequence);
  if (auth_mechanisms_.empty()) return refuse(replies::not_implemented, ViolationKind::Syntax);
  if (!secured_) return refuse(replies::auth_needs_tls, ViolationKind::Sequence);
  if (admitted != Admission::Allow) return refuse(refusal(admitted), ViolationKind::Sequence);
  // RFC 4954 4: once in a session.
  if (authenticated_) return refuse(replies::already_authenticated, ViolationKind::Sequence);
  const std::string_view mechanism = arguments.substr(0, arguments.find_first_of(" \t"));
  const std::string_view initial = ascii::trim(arguments.substr(mechanism.size()));
  if (mechanism.empty()) return refuse(replies::auth_syntax, ViolationKind::Syntax);
  AuthStep step{.mechanism = upper(mechanism)};
  // RFC 4954 4: "=" is an initial response of no octets.
  if (initial == "=") {
    step.response.emplace();
  } else if (!initial.empty()) {
    step.response = base64_decode_secret(initial);
    if (!step.response) return refuse(replies::auth_malformed, ViolationKind::Syntax);
  }
  ask(Asked::Auth, std::move(step));
}

std::size_t ServerSession::receive_auth_response(Bytes octets) {
  const LineReader::Taken taken = line_.take(octets, auth_line_octets_max);
  if (taken.status == LineReader::Status::TooLong)
    abort_auth(replies::auth_too_long, ViolationKind::LineTooLong);
  if (taken.status == LineReader::Status::Line) {
    if (watch_) watch_(taken.line == "*" ? "*" : "***");
    auth_response(taken.line);
    line_.forget_line();
  }
  return taken.octets;
}

void ServerSession::auth_response(std::string_view line) {
  if (line == "*") return abort_auth(replies::auth_cancelled, ViolationKind::Sequence);
  auto response = base64_decode_secret(line);
  if (!response) return abort_auth(replies::auth_malformed, ViolationKind::Syntax);
  phase_ = Phase::Commands;
  ask(Asked::Auth, AuthStep{.response = std::move(response)});
}

void ServerSession::abort_auth(const ReplyView& reply, ViolationKind kind) {
  phase_ = Phase::Commands;
  auth_aborted_due_ = true;
  refuse(reply, kind);
}

void ServerSession::auth_answered(const Decision& decision) {
  const ReplyView reply = decision.reply_or(replies::authenticated);
  if (reply.code == 334) {
    // RFC 4954 4: a challenge is no reply of RFC 5321 and may be as long as its line.
    output_.append("334 ").append(reply.text).append("\r\n");
    phase_ = Phase::Auth;
    return;
  }
  if (!decision.accepts()) return refused_by_owner(decision);
  authenticated_ = true;
  say(reply);
}

}  // namespace ringpost::smtp
