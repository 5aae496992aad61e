// RFC 5321 4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value]. Cannot fail.
#include "proto/smtp/parameters.h"

#include "proto/base/ascii.h"

namespace ringpost::smtp {

std::optional<Parameter> Parameters::next() {
  rest_ = ascii::trim(rest_);
  if (rest_.empty()) return std::nullopt;
  const std::string_view word = rest_.substr(0, rest_.find_first_of(" \t"));
  rest_.remove_prefix(word.size());
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return Parameter{word, {}, false};
  return Parameter{word.substr(0, equals), word.substr(equals + 1), true};
}

}  // namespace ringpost::smtp
