// RSET, NOOP, QUIT, VRFY and HELP: RFC 5321 4.1.1.5 to 4.1.1.10. EXPN and AUTH are known to the
// table and refused there.
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {
namespace {

SmallCommand::Kind kind_of(Verb verb) {
  switch (verb) {
    case Verb::Rset:
      return SmallCommand::Kind::Rset;
    case Verb::Quit:
      return SmallCommand::Kind::Quit;
    case Verb::Help:
      return SmallCommand::Kind::Help;
    default:
      return SmallCommand::Kind::Noop;
  }
}

}  // namespace

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
  if (*parsed == Verb::Vrfy) return say(replies::will_not_verify);
  small_command_.kind = kind_of(*parsed);
  if (!asks_small_commands_) return do_small_command(small_command_.kind);
  ask(Asked::SmallCommand, small_command_);
}

void ServerSession::small_command_answered(const Decision& decision) {
  decision.accepts() ? do_small_command(small_command_.kind) : refused_by_owner(decision);
}

void ServerSession::do_small_command(SmallCommand::Kind kind) {
  switch (kind) {
    case SmallCommand::Kind::Rset:  // RFC 5321 4.1.1.5
      reset_due_ = is_in_transaction();
      drop_transaction(AbortReason::Reset);
      return say(replies::flushed);
    case SmallCommand::Kind::Quit:  // RFC 5321 4.1.1.10
      return end(&replies::closing, CloseReason::Quit, AbortReason::ConnectionLost);
    case SmallCommand::Kind::Help:
      return say(replies::help);
    case SmallCommand::Kind::Noop:  // RFC 5321 4.1.1.9: it changes nothing
      return say(replies::ok);
  }
}

}  // namespace ringpost::smtp
