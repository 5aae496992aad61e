// As whom an authenticated user may send: the table of `senders` holds, for each user, the
// addresses that are that user's, as patterns of mail addresses. Deterministic and restartable like
// decide().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/conf/format_specifier.h"
#include "proto/conf/lookups.h"

namespace ringpost::conf {

struct SenderVerdict {
  enum class State : std::uint8_t { Allowed, Refused, Later, TemporaryFailure };
  State state = State::Refused;
  std::optional<Question> waiting_for = {};  // Later
  std::string reason = {};                   // TemporaryFailure, for the log
};

// `sender` with both parts empty is the null reverse-path, which only the pattern "@" allows. A
// pattern without `delimiter` in its user allows user+tag as well.
SenderVerdict judge_sender(const Table& senders, std::string_view user, AddressView sender,
                           char delimiter, Lookups& lookups);

}  // namespace ringpost::conf
