// The clocks of the operating system, for threads that have no core; on a core time is
// Core::now() and Core::wall(), read once per turn. Never fails on the kernels that run us.
#pragma once

#include <time.h>

#include "proto/base/clock.h"

namespace ringpost::ring {

inline Instant monotonic_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return {std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

inline WallTime wall_now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return {std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000};
}

}  // namespace ringpost::ring
