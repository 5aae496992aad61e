// From a Config to what the engine uses: see generation.h.
#include "engine/mta/generation.h"

#include <algorithm>

namespace ringpost::mta {

smtp::SessionLimits session_limits_of(const conf::Config& config) {
  const conf::SmtpSettings& smtp = config.smtp;
  smtp::SessionLimits limits;
  limits.recipients_max = smtp.recipients_per_message_max;
  limits.messages_max = smtp.messages_per_session_max;
  limits.message_octets_max = smtp.message_octets_max;
  limits.errors_max = smtp.errors_per_session_max;
  limits.idle = smtp.idle_timeout;
  limits.total = smtp.session_timeout;
  limits.bare_line_ends = smtp.bare_newline == conf::BareNewline::Keep ? smtp::BareLineEnds::Keep
                                                                       : smtp::BareLineEnds::Refuse;
  return limits;
}

sasl::AttemptLimits attempt_limits_of(const conf::Config& config) {
  return {.per_address_max = config.smtp.auth_failures_per_address_max,
          .per_account_max = config.smtp.auth_failures_per_account_max,
          .window = config.smtp.auth_failure_window};
}

bool is_own_address(const Generation& generation, const conf::NetAddress& address) {
  if (generation.host.has_address(address)) return true;
  const std::string text = conf::to_text(address);
  return std::ranges::any_of(generation.listeners, [&](const ListenAddress& listener) {
    return listener.address.host() == text;
  });
}

bool tests_client_name(const conf::Config& config) {
  return std::ranges::any_of(config.rules, [](const conf::Rule& rule) {
    return rule.from == conf::FromKind::ReverseName;
  });
}

}  // namespace ringpost::mta
