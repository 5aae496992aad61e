// A refusal as operators and filters write it: "550 no such thing", "451 4.7.1 later".
#pragma once

#include <optional>
#include <string_view>

#include "proto/smtp/reply.h"

namespace ringpost::smtp {

// Nothing unless `text` begins with a code of 4xx or 5xx, alone or with a blank behind it. Without
// an enhanced status of the code's class the reply has none.
std::optional<Reply> parse_refusal(std::string_view text);

}  // namespace ringpost::smtp
