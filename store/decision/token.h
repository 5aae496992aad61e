// The token of a decision: eight characters that stand in the text of a refusal and find its
// record. Made of the record's id alone, so nothing is stored for it; two ids may share one, once
// in 2^40.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/queue_id.h"

namespace ringpost::store {

inline constexpr std::size_t token_characters = 8;

// The base32 of Douglas Crockford: no I, L, O, U.
std::string token_of(QueueId id);
// As people write it: lower case, O for 0, I and L for 1. Nothing: it is no token.
std::optional<std::string> parse_token(std::string_view text);

}  // namespace ringpost::store
