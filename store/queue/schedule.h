// Schedule: when a recipient is tried again, and when it is given up. Pure functions of time and
// history.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "proto/base/clock.h"
#include "proto/base/queue_id.h"

namespace ringpost::store {

// RFC 5321 4.5.4.1: at least 30 minutes between attempts after the first ones, and 4-5 days before
// giving up. The n-th retry comes at received + step · n².
struct Schedule {
  Duration step = seconds(10);  // local delivery; relays use relay_step
  Duration time_to_live = seconds(4 * 24 * 3600);
};

inline constexpr Duration local_step = seconds(10);
inline constexpr std::int64_t relay_steps = 40;  // a relay's step is so many of a mailbox's
inline constexpr Duration relay_step = local_step * relay_steps;

// The first moment of the schedule for attempt number `attempts` (those made so far, >= 1) that
// lies after `now`; spread by up to an eighth of a step, always the same for the same message and
// attempt. Never later than the moment of expiry.
WallTime next_attempt(const Schedule& schedule, WallTime received, std::uint16_t attempts,
                      WallTime now, QueueId id);

// The first moment after `now` at which the sender is to be told of a delay; `intervals` count from
// `received`.
std::optional<WallTime> next_warning(std::span<const Duration> intervals, WallTime received,
                                     WallTime now);
// The same, but `from` may be the moment.
std::optional<WallTime> warning_from(std::span<const Duration> intervals, WallTime received,
                                     WallTime from);

bool is_expired(const Schedule& schedule, WallTime received, WallTime now);

}  // namespace ringpost::store
