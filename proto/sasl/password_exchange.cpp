// PLAIN: RFC 4616 section 2. LOGIN: two prompts, whose texts clients do not read.
#include "proto/sasl/password_exchange.h"

#include <utility>

namespace ringpost::sasl {

Step PasswordExchange::begin(std::optional<std::string_view> initial) {
  if (initial) return respond(*initial);
  return Challenge{mechanism_ == Mechanism::Plain ? "" : "Username:"};
}

Step PasswordExchange::respond(std::string_view response) {
  if (mechanism_ == Mechanism::Plain) return plain(response);
  if (!is_credential(response)) return Refused{Refusal::Malformed, user_.value_or("")};
  if (user_) return PasswordGiven{*std::exchange(user_, std::nullopt), Secret(response)};
  user_ = response;
  return Challenge{"Password:"};
}

// [authzid] NUL authcid NUL password
Step PasswordExchange::plain(std::string_view message) {
  const std::size_t first = message.find('\0');
  if (first == message.npos) return Refused{Refusal::Malformed};
  const std::size_t second = message.find('\0', first + 1);
  if (second == message.npos) return Refused{Refusal::Malformed};
  const std::string_view identity = message.substr(0, first);
  const std::string_view user = message.substr(first + 1, second - first - 1);
  const std::string_view password = message.substr(second + 1);
  if (!is_credential(user) || !is_credential(password)) return Refused{Refusal::Malformed};
  if (!identity.empty() && identity != user)
    return Refused{Refusal::OtherIdentity, std::string(user)};
  return PasswordGiven{std::string(user), Secret(password)};
}

}  // namespace ringpost::sasl
