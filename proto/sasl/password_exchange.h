// PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login) as the server speaks them: what the
// client says becomes a name and a password. A message that is none is refused; nothing is kept
// behind the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/sasl/mechanism.h"
#include "proto/sasl/step.h"

namespace ringpost::sasl {

class PasswordExchange {
 public:
  // `mechanism` is Plain or Login.
  explicit PasswordExchange(Mechanism mechanism) : mechanism_(mechanism) {}

  // The client's first word: its initial response, if it gave one.
  Step begin(std::optional<std::string_view> initial);
  // What it says to the last challenge.
  Step respond(std::string_view response);

 private:
  Step plain(std::string_view message);

  Mechanism mechanism_;
  std::optional<std::string> user_;  // of LOGIN, once it is known
};

}  // namespace ringpost::sasl
