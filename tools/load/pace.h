// Pace: when the messages of a steady rate are due, as a function of time alone. What could not be
// sent in time stays due, so that latency counted from the due time includes the wait for a server
// that fell behind.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/base/clock.h"

namespace ringpost::load {

class Pace {
 public:
  Pace(double per_second, Instant start) : per_second_(per_second), start_(start) {}

  // When the next message is due.
  Instant next() const {
    const double ns = static_cast<double>(taken_) * 1e9 / per_second_;
    return start_ + Duration{static_cast<std::int64_t>(ns)};
  }
  // The due time of one message if one is due, which is then taken.
  std::optional<Instant> take(Instant now) {
    const Instant due = next();
    if (due > now) return std::nullopt;
    ++taken_;
    return due;
  }

 private:
  double per_second_;
  Instant start_;
  std::uint64_t taken_ = 0;
};

}  // namespace ringpost::load
