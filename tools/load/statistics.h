// What a run did: counted per thread, summed at the end, printed as a line or as JSON.
// Owner: one thread while the run lasts; whoever joined that thread afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/observe/counter.h"
#include "proto/base/clock.h"
#include "tools/load/options.h"

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

// Handshakes of TLS.
struct HandshakeCounts {
  std::uint64_t full = 0;
  std::uint64_t resumed = 0;
  std::uint64_t failed = 0;

  void add(const HandshakeCounts& other);
};

// Of one address that a sink listens on.
struct DestinationCounts {
  std::uint64_t connections = 0;
  std::uint64_t messages = 0;    // acknowledged
  std::uint64_t recipients = 0;  // of these
  std::uint64_t refused = 0;     // replies 4yz and 5yz by the script
  std::uint64_t dropped = 0;     // connections by the script, without a goodbye

  void add(const DestinationCounts& other);
};

// What a sink counts besides.
struct SinkCounts {
  std::vector<DestinationCounts> destinations;  // in the order of Options::listen
  std::vector<std::uint64_t> rules;             // how often each acted, in the order of the script
  std::uint64_t unannounced = 0;                // uses of an extension that was not announced

  void add(const SinkCounts& other);
  DestinationCounts sum() const;
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
  // ns from MAIL to the final reply (source), from the sending of the content to its end (sink)
  observe::Histogram latency;
  HandshakeCounts handshakes{};
  ErrorCounts errors{};
  SinkCounts sink{};

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
  HandshakeCounts handshakes{};
  ErrorCounts errors{};
  SinkCounts sink{};
  double cpu_seconds = 0;  // of this program

  static Report of(const Statistics& statistics);
  void add(const Statistics& statistics) { add(of(statistics)); }
  void add(const Report& other);
  double seconds() const;
  // Everything that was wanted was done, and that is more than nothing.
  bool is_clean() const {
    return messages + sessions_wanted > 0 && failed == 0 && !gave_up && !ledger_failed &&
           sessions_held == sessions_wanted;
  }
};

// `options` are those of the run: they name the destinations and rules of a sink.
std::string to_line(const Report& report, const Options& options);
std::string to_json(const Report& report, const Options& options);

}  // namespace ringpost::load
