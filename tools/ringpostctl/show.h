// The answers of the daemon as text for people. Members that are missing or of another kind show as
// "-".
#pragma once

#include <span>
#include <string>

#include "engine/mta/control.h"
#include "proto/base/clock.h"

namespace ringpost::ctl {

using mta::Json;

// QueueRows ordered by message and recipient; ages and times to wait are counted from `now`.
std::string queue_text(std::span<const Json> rows, WallTime now);
std::string envelope_text(const Json& row, WallTime now);
// Summaries and limits on one line each; reasons that never occurred are left out.
std::string stats_text(std::span<const Json> rows);
// A line for each domain.
std::string dmarc_text(std::span<const Json> rows);
// Rows of `pause` alone.
std::string pausable_text(std::span<const Json> rows);

// What each recipient waits for, a paragraph each.
std::string why_text(std::span<const Json> rows, WallTime now);
std::string destinations_text(std::span<const Json> rows, WallTime now);
std::string hosts_text(std::span<const Json> rows);
std::string routes_text(std::span<const Json> rows);

// One message each, as `spool ls --json` prints it.
std::string messages_text(std::span<const Json> rows, WallTime now);

}  // namespace ringpost::ctl
