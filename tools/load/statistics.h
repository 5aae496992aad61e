// What a run did: counted per thread, summed at the end, printed as a line or as JSON.
// Owner: one thread while the run lasts; whoever joined that thread afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/observe/counter.h"
#include "proto/base/clock.h"

namespace ringpost::load {

// Failures by what was said; bounded, since a server may put anything into its replies.
class ErrorCounts {
 public:
  void add(std::string_view text, std::uint64_t count = 1);
  void add(const ErrorCounts& other);
  const std::map<std::string, std::uint64_t, std::less<>>& by_text() const { return by_text_; }

 private:
  static constexpr std::size_t texts_max = 32;
  static constexpr std::size_t text_octets_max = 120;
  std::map<std::string, std::uint64_t, std::less<>> by_text_;
};

struct Statistics {
  std::uint64_t connections = 0;
  std::uint64_t sessions_lost = 0;  // that ended otherwise than by QUIT
  std::uint64_t messages = 0;       // acknowledged (source) or taken (sink)
  std::uint64_t octets = 0;         // of their content
  std::uint64_t failed = 0;
  std::uint64_t uncertain = 0;   // of the failed: the server may have taken them
  observe::Gauge sessions_held;  // --idle: open and waiting; readable from other threads
  bool gave_up = false;
  bool ledger_failed = false;
  Instant first{};  // when the first message began and the last one ended
  Instant last{};
  observe::Histogram latency;  // ns from MAIL to the final reply
  ErrorCounts errors{};

  void begin(Instant now);
  void end(Instant now);
};

// Sums of several threads, and what they cost.
struct Report {
  std::uint64_t connections = 0;
  std::uint64_t sessions_lost = 0;
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::uint64_t failed = 0;
  std::uint64_t uncertain = 0;
  std::uint64_t sessions_held = 0;
  std::uint64_t sessions_wanted = 0;  // --idle
  bool gave_up = false;
  bool ledger_failed = false;
  Instant first{};
  Instant last{};
  observe::Histogram::Buckets latency{};
  std::uint64_t latency_max_ns = 0;
  ErrorCounts errors{};
  double cpu_seconds = 0;  // of this program

  void add(const Statistics& statistics);
  double seconds() const;
  // Everything that was wanted was done, and that is more than nothing.
  bool is_clean() const {
    return messages + sessions_wanted > 0 && failed == 0 && !gave_up && !ledger_failed &&
           sessions_held == sessions_wanted;
  }
};

std::string to_line(const Report& report);
std::string to_json(const Report& report);

}  // namespace ringpost::load
