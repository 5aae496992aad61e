// Time as a value. Nothing below engine/ reads a clock: the loop reads it once per turn and passes
// it in. Instant counts on the monotonic clock and orders events; WallTime is what people and RFC
// 5322 see.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace ringpost {

struct Duration {
  std::int64_t ns = 0;
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration other) const { return {ns + other.ns}; }
  constexpr Duration operator-(Duration other) const { return {ns - other.ns}; }
  constexpr Duration operator*(std::int64_t factor) const { return {ns * factor}; }
  constexpr std::int64_t milliseconds() const { return ns / 1'000'000; }
  constexpr std::int64_t seconds() const { return ns / 1'000'000'000; }
};

constexpr Duration microseconds(std::int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000'000}; }

struct Instant {
  std::int64_t ns = 0;
  constexpr auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration d) const { return {ns + d.ns}; }
  constexpr Instant operator-(Duration d) const { return {ns - d.ns}; }
  constexpr Duration operator-(Instant other) const { return {ns - other.ns}; }
};

inline constexpr Instant never{std::numeric_limits<std::int64_t>::max()};

// Microseconds since 1970-01-01 00:00:00 UTC.
struct WallTime {
  std::int64_t us = 0;
  constexpr auto operator<=>(const WallTime&) const = default;
  constexpr WallTime operator+(Duration d) const { return {us + d.ns / 1'000}; }
  constexpr Duration operator-(WallTime other) const { return {(us - other.us) * 1'000}; }
  constexpr std::int64_t seconds() const { return us / 1'000'000; }
};

}  // namespace ringpost
