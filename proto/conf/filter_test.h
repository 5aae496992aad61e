// Whether the condition of a built-in filter holds for a session. Restartable, as decide() is: an
// answer that is needed first is named, and asked for by the caller. Used by any core.
#pragma once

#include <optional>

#include "proto/conf/filter_config.h"
#include "proto/conf/table_tests.h"

namespace ringpost::conf {

struct FilterFinding {
  bool holds = false;
  std::optional<TestStop> stop = {};  // there: `holds` means nothing
};

// `filter` is Builtin. A name of the client that nobody could tell for now is a temporary failure:
// neither `rdns` nor `!rdns` holds (upstream's `!fcrdns` does). The recipient counts in the phase
// rcpt-to only. A test of results holds when one of them is meant; neither it nor its negation does
// when the sender was not looked at.
FilterFinding test_filter(const Config& config, const Filter& filter, const SessionFacts& session,
                          AddressView recipient, Lookups& lookups);

// Whether the filter, or one of its chain, must know the client's name.
bool tests_client_name(const Filter& filter);

}  // namespace ringpost::conf
