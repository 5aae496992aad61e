// RCPT: RFC 5321 4.1.1.3, NOTIFY and ORCPT (RFC 3461). Refuses as MAIL does, and with 452 beyond
// the limit of recipients, which loses nobody: the client sends the rest in another transaction.
#include "proto/base/ascii.h"
#include "proto/smtp/parameters.h"
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {
namespace {

std::optional<ReplyView> take_parameter(const Parameter& parameter, RcptTo& rcpt) {
  if (ascii::equal_ignoring_case(parameter.key, "NOTIFY")) {
    const auto set = parse_notify(parameter.value);
    if (!set || rcpt.notify.is_given()) return replies::bad_parameter;
    rcpt.notify = *set;
    return std::nullopt;
  }
  if (ascii::equal_ignoring_case(parameter.key, "ORCPT")) {
    if (!is_original_recipient(parameter.value) || !rcpt.original_recipient.empty())
      return replies::bad_parameter;
    rcpt.original_recipient = parameter.value;
    return std::nullopt;
  }
  return replies::unknown_parameter;  // RFC 5321 4.1.1.11
}

}  // namespace

std::expected<RcptTo, ReplyView> parse_rcpt(std::string_view arguments, std::string_view domain) {
  constexpr std::string_view keyword = "TO:";
  if (!ascii::starts_ignoring_case(arguments, keyword))
    return std::unexpected(replies::rcpt_syntax);
  const std::string_view text = ascii::trim(arguments.substr(keyword.size()));
  auto path = parse_bracketed_forward_path(text, domain);
  if (!path) return std::unexpected(replies::bad_recipient);
  const std::string_view rest = text.substr(path->octets);
  if (!rest.empty() && !ascii::is_blank(rest.front())) return std::unexpected(replies::rcpt_syntax);

  RcptTo rcpt;
  rcpt.recipient = std::move(path->path);
  Parameters parameters(rest);
  while (const auto parameter = parameters.next())
    if (const auto error = take_parameter(*parameter, rcpt)) return std::unexpected(*error);
  return rcpt;
}

void ServerSession::rcpt(std::string_view arguments) {
  auto parsed = parse_rcpt(arguments, missing_domain());
  if (!parsed) return refuse(parsed.error(), ViolationKind::Syntax);
  const bool uses_dsn = parsed->notify.is_given() || !parsed->original_recipient.empty();
  if (uses_dsn && !offers_dsn_) return refuse(replies::unknown_parameter, ViolationKind::Syntax);
  // RFC 6531 3.5
  if (!smtputf8_ && has_non_ascii(parsed->recipient.mailbox))
    return refuse(replies::utf8_not_asked, ViolationKind::Syntax);
  // RFC 5321 4.5.3.1.10
  if (recipients_ >= limits_->recipients_max) return say(replies::too_many_recipients);
  ask(Asked::Rcpt, std::move(*parsed));
}

void ServerSession::rcpt_answered(const Decision& decision) {
  if (!decision.accepts()) return refused_by_owner(decision);
  ++recipients_;
  state_ = State::Recipients;
  say(decision.reply_or(replies::recipient_ok));
}

}  // namespace ringpost::smtp
