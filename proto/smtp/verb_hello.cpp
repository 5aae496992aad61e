// HELO and EHLO: RFC 5321 4.1.1.1, 4.1.4. The name is bounded and printable, nothing more: 4.1.4
// forbids to refuse mail because it does not verify.
#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {

std::expected<HelloReceived, ReplyView> parse_hello(Verb verb, std::string_view arguments) {
  const bool is_printable =
      std::ranges::all_of(arguments, [](char c) { return c > ' ' && c <= '~'; });
  if (arguments.empty() || arguments.size() > domain_octets_max || !is_printable)
    return std::unexpected(replies::hello_needs_name);
  return HelloReceived{std::string(arguments), verb == Verb::Ehlo};
}

void ServerSession::hello(Verb verb, std::string_view arguments) {
  auto parsed = parse_hello(verb, arguments);
  if (!parsed) return refuse(parsed.error(), ViolationKind::Syntax);
  hello_extended_ = parsed->extended;
  ask(Asked::Hello, std::move(*parsed));
}

void ServerSession::hello_answered(const Decision& decision) {
  // RFC 5321 4.1.4: one that is not accepted leaves everything as it was.
  if (!decision.accepts()) return refused_by_owner(decision);
  // RFC 5321 4.1.4: one that is accepted ends a transaction as RSET does.
  reset_due_ = is_in_transaction();
  drop_transaction(AbortReason::Reset);
  state_ = State::Ready;
  if (!hello_extended_) return say({250, {}, server_name_});
  // RFC 5321 4.1.1.1, RFC 2034 section 3: these lines carry no enhanced status.
  output_.reserve(output_.size() + 256);
  const bool offers_tls = tls_offer_ != TlsOffer::None && !secured_;  // RFC 3207 4.2
  fmt::format_to(std::back_inserter(output_),
                 "250-{}\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                 "250-ENHANCEDSTATUSCODES\r\n{}{}250-CHUNKING\r\n",
                 server_name_, limits_->message_octets_max, offers_dsn_ ? "250-DSN\r\n" : "",
                 offers_tls ? "250-STARTTLS\r\n" : "");
  // RFC 4954 3
  if (secured_ && !auth_mechanisms_.empty() && !authenticated_)
    fmt::format_to(std::back_inserter(output_), "250-AUTH {}\r\n", auth_mechanisms_);
  output_ += "250 HELP\r\n";
}

}  // namespace ringpost::smtp
