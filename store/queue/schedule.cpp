// Schedule: see schedule.h. Pure; cannot fail.
#include "store/queue/schedule.h"

#include <algorithm>
#include <cmath>

namespace ringpost::store {
namespace {

// Spreads messages that failed together. A mixing function, not a secret: the same on every
// machine.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 31)) * 0x9e3779b97f4a7c15ULL;
  return value ^ (value >> 29);
}

WallTime planned(const Schedule& schedule, WallTime received, std::int64_t attempt, QueueId id) {
  const auto spread = static_cast<std::uint64_t>(schedule.step.ns / 8);
  const std::uint64_t key = mix(id.value ^ mix(static_cast<std::uint64_t>(attempt)));
  const Duration jitter{static_cast<std::int64_t>(spread > 0 ? key % spread : 0)};
  return received + schedule.step * (attempt * attempt) + jitter;
}

}  // namespace

WallTime next_attempt(const Schedule& schedule, WallTime received, std::uint16_t attempts,
                      WallTime now, QueueId id) {
  const WallTime expiry = received + schedule.time_to_live;
  const std::int64_t step_ns = std::max<std::int64_t>(schedule.step.ns, 1'000);
  const std::int64_t life_ns = std::max<std::int64_t>(schedule.time_to_live.ns, 0);
  const auto attempt_max = static_cast<std::int64_t>(
      std::sqrt(static_cast<double>(life_ns) / static_cast<double>(step_ns)) + 1);
  // A machine that was off does not make up for the attempts that it missed.
  const std::int64_t age_ns = std::clamp<std::int64_t>((now - received).ns, 0, life_ns);
  const auto reached = static_cast<std::int64_t>(
      std::sqrt(static_cast<double>(age_ns) / static_cast<double>(step_ns)));
  std::int64_t attempt = std::clamp<std::int64_t>(attempts, 1, attempt_max);
  attempt = std::max(attempt, std::max<std::int64_t>(reached - 1, 1));
  while (attempt <= attempt_max && planned(schedule, received, attempt, id) <= now) ++attempt;
  return std::min(planned(schedule, received, attempt, id), expiry);
}

std::optional<WallTime> next_warning(std::span<const Duration> intervals, WallTime received,
                                     WallTime now) {
  std::optional<WallTime> next;
  for (const Duration interval : intervals) {
    const WallTime moment = received + interval;
    if (moment > now && (!next || moment < *next)) next = moment;
  }
  return next;
}

std::optional<WallTime> warning_from(std::span<const Duration> intervals, WallTime received,
                                     WallTime from) {
  return next_warning(intervals, received, WallTime{from.us - 1});
}

bool is_expired(const Schedule& schedule, WallTime received, WallTime now) {
  return now >= received + schedule.time_to_live;
}

}  // namespace ringpost::store
