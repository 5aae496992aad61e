// RSET, NOOP, QUIT, VRFY and HELP: RFC 5321 4.1.1.5 to 4.1.1.10. EXPN and AUTH are known to the
// table and refused there.
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {

std::expected<Verb, ReplyView> parse_other(Verb verb, std::string_view arguments) {
  switch (verb) {
    case Verb::Data:
    case Verb::Rset:
    case Verb::Quit:
    case Verb::StartTls:
      if (!arguments.empty()) return std::unexpected(replies::no_arguments_allowed);
      return verb;
    case Verb::Vrfy:
      if (arguments.empty()) return std::unexpected(replies::argument_needed);
      return verb;
    case Verb::Unknown:
      return std::unexpected(replies::unknown_command);
    default:
      return verb;
  }
}

void ServerSession::other(Verb verb, std::string_view arguments) {
  const auto parsed = parse_other(verb, arguments);
  if (!parsed) return refuse(parsed.error(), ViolationKind::Syntax);
  switch (*parsed) {
    case Verb::Rset:  // RFC 5321 4.1.1.5
      reset_due_ = is_in_transaction();
      drop_transaction(AbortReason::Reset);
      return say(replies::flushed);
    case Verb::Quit:  // RFC 5321 4.1.1.10
      return end(&replies::closing, CloseReason::Quit, AbortReason::ConnectionLost);
    case Verb::Vrfy:
      return say(replies::will_not_verify);
    case Verb::Help:
      return say(replies::help);
    default:  // RFC 5321 4.1.1.9: NOOP changes nothing
      return say(replies::ok);
  }
}

}  // namespace ringpost::smtp
