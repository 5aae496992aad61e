// Walks over what stands behind the path of MAIL and RCPT: "KEY" or "KEY=VALUE", each behind blanks
// (RFC 5321 4.1.2, Mail-parameters). Views the line; never fails, the verbs judge what they are
// given.
#pragma once

#include <optional>
#include <string_view>

namespace ringpost::smtp {

struct Parameter {
  std::string_view key;
  std::string_view value;
  bool has_value = false;  // an '=' was there
};

class Parameters {
 public:
  // `text` is what follows the path: empty, or a blank and the rest.
  explicit Parameters(std::string_view text) : rest_(text) {}

  std::optional<Parameter> next();

 private:
  std::string_view rest_;
};

}  // namespace ringpost::smtp
