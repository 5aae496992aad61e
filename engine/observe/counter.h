// Counter, Gauge, LimitGauge, Histogram: written by one thread (the owning core), readable by any
// at any time. Relaxed atomics without read-modify-write: on the hot path a plain load, add and
// store.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace ringpost::observe {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  void add(std::uint64_t n = 1) { set(value() + n); }
  void subtract(std::uint64_t n = 1) { set(value() - n); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A named limit: how much of it is in use, and how often it said no.
struct LimitGauge {
  Gauge used;
  Gauge max;
  Counter refused;

  void give_back(std::uint64_t n = 1) { used.subtract(n); }
};

// Log-linear: eight steps per power of two, so a value is known to 12.5 %. Any value from 0 to
// 2^64-1.
class Histogram {
 public:
  static constexpr unsigned step_bits = 3;
  static constexpr std::size_t buckets_count = (64 - step_bits + 1) << step_bits;
  using Buckets = std::array<std::uint64_t, buckets_count>;

  void record(std::uint64_t value) {
    counts_[bucket_of(value)].add();
    sum_.add(value);
    if (value > max_.value()) max_.set(value);
  }
  std::uint64_t sum() const { return sum_.value(); }
  std::uint64_t max() const { return max_.value(); }
  // Adds this histogram's counts to `total`; the sums over cores are made this way.
  void add_to(Buckets& total) const {
    for (std::size_t i = 0; i < buckets_count; ++i) total[i] += counts_[i].value();
  }

  static constexpr std::size_t bucket_of(std::uint64_t value) {
    constexpr std::uint64_t steps = std::uint64_t{1} << step_bits;
    if (value < steps) return value;
    const auto exponent = static_cast<unsigned>(std::bit_width(value)) - 1 - step_bits;
    return ((std::uint64_t{exponent} + 1) << step_bits) + ((value >> exponent) - steps);
  }
  // The largest value that falls into the bucket.
  static constexpr std::uint64_t upper_end(std::size_t bucket) {
    constexpr std::uint64_t steps = std::uint64_t{1} << step_bits;
    if (bucket < steps) return bucket;
    const auto exponent = static_cast<unsigned>(bucket >> step_bits) - 1;
    const std::uint64_t first = (steps + (bucket & (steps - 1))) << exponent;
    return first + ((std::uint64_t{1} << exponent) - 1);
  }

 private:
  std::array<Counter, buckets_count> counts_;
  Counter sum_;
  Gauge max_;
};

// The value below or at which `permille` of all records lie (upper end of its bucket); 0 without
// records.
std::uint64_t quantile(const Histogram::Buckets& buckets, unsigned permille);

}  // namespace ringpost::observe
