// MAIL: RFC 5321 4.1.1.2, SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET and ENVID (RFC
// 3461), AUTH (RFC 4954 5). Refuses unknown parameters (555), repeated or malformed ones (501) and
// what is announced as too big (552).
#include <algorithm>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/smtp/parameters.h"
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {
namespace {

constexpr std::size_t size_digits_max = 20;  // RFC 1870 section 3

bool parse_size(std::string_view value, MailFrom& mail) {
  if (mail.size || value.empty() || value.size() > size_digits_max ||
      !std::ranges::all_of(value, ascii::is_digit))
    return false;
  mail.size = ascii::parse_decimal(value).value_or(UINT64_MAX);
  return true;
}

bool parse_body(std::string_view value, MailFrom& mail) {
  // RFC 6152 3
  if (mail.body != BodyType::Unspecified) return false;
  if (ascii::equal_ignoring_case(value, "7BIT")) mail.body = BodyType::SevenBit;
  if (ascii::equal_ignoring_case(value, "8BITMIME")) mail.body = BodyType::EightBitMime;
  return mail.body != BodyType::Unspecified;
}

bool parse_smtputf8(const Parameter& parameter, MailFrom& mail) {
  if (mail.smtputf8 || parameter.has_value) return false;  // RFC 6531 3.4: takes no value
  return mail.smtputf8 = true;
}

bool parse_return_content(std::string_view value, MailFrom& mail) {
  const auto ret = parse_ret(value);
  if (!ret || mail.ret != ReturnContent::Unspecified) return false;
  mail.ret = *ret;
  return true;
}

bool parse_envelope_id(std::string_view value, MailFrom& mail) {
  if (!is_envelope_id(value) || !mail.envelope_id.empty()) return false;
  mail.envelope_id = value;
  return true;
}

// RFC 4954 5: it must be taken, and nobody here is trusted to speak for others.
bool parse_author(std::string_view value, MailFrom& mail) {
  const bool is_text = value == "<>" || is_xtext(value, false);
  return is_text && !std::exchange(mail.names_author, true);
}

std::optional<ReplyView> take_parameter(const Parameter& parameter, MailFrom& mail) {
  const auto is = [&](std::string_view key) {
    return ascii::equal_ignoring_case(parameter.key, key);
  };
  bool is_good = false;
  if (is("SIZE")) {
    is_good = parse_size(parameter.value, mail);
  } else if (is("BODY")) {
    is_good = parse_body(parameter.value, mail);
  } else if (is("SMTPUTF8")) {
    is_good = parse_smtputf8(parameter, mail);
  } else if (is("RET")) {
    is_good = parse_return_content(parameter.value, mail);
  } else if (is("ENVID")) {
    is_good = parse_envelope_id(parameter.value, mail);
  } else if (is("AUTH")) {
    is_good = parse_author(parameter.value, mail);
  } else {
    return replies::unknown_parameter;  // RFC 5321 4.1.1.11
  }
  return is_good ? std::nullopt : std::optional(replies::bad_parameter);
}

}  // namespace

std::expected<MailFrom, ReplyView> parse_mail(std::string_view arguments, std::string_view domain) {
  constexpr std::string_view keyword = "FROM:";
  if (!ascii::starts_ignoring_case(arguments, keyword))
    return std::unexpected(replies::mail_syntax);
  // A blank before the path is no grammar of RFC 5321, but common.
  const std::string_view text = ascii::trim(arguments.substr(keyword.size()));
  auto path = parse_bracketed_reverse_path(text, domain);
  if (!path) return std::unexpected(replies::bad_sender);
  const std::string_view rest = text.substr(path->octets);
  if (!rest.empty() && !ascii::is_blank(rest.front())) return std::unexpected(replies::mail_syntax);

  MailFrom mail;
  mail.sender = std::move(path->path);
  Parameters parameters(rest);
  while (const auto parameter = parameters.next())
    if (const auto error = take_parameter(*parameter, mail)) return std::unexpected(*error);
  // RFC 6531 3.5
  if (!mail.smtputf8 && has_non_ascii(mail.sender.mailbox))
    return std::unexpected(replies::utf8_not_asked);
  return mail;
}

void ServerSession::mail(std::string_view arguments) {
  if (demands_auth_ && !authenticated_) return refuse(replies::need_auth, ViolationKind::Sequence);
  auto parsed = parse_mail(arguments, missing_domain());
  if (!parsed) return refuse(parsed.error(), ViolationKind::Syntax);
  const bool uses_dsn = parsed->ret != ReturnContent::Unspecified || !parsed->envelope_id.empty();
  const bool uses_auth = parsed->names_author && (auth_mechanisms_.empty() || !secured_);
  if ((uses_dsn && !offers_dsn_) || uses_auth)
    return refuse(replies::unknown_parameter, ViolationKind::Syntax);
  if (messages_ >= limits_->messages_max)
    return end(&replies::too_many_messages, CloseReason::TooManyMessages, AbortReason::Reset);
  // RFC 1870 6.1: known to be too big before it is sent.
  if (parsed->size && *parsed->size > limits_->message_octets_max) return say(replies::too_big);
  smtputf8_ = parsed->smtputf8;
  ask(Asked::Mail, std::move(*parsed));
}

void ServerSession::mail_answered(const Decision& decision) {
  if (!decision.accepts()) return refused_by_owner(decision);
  state_ = State::Sender;
  say(decision.reply_or(replies::sender_ok));
}

}  // namespace ringpost::smtp
