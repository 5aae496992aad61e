// EventLog: every core writes its lines into a ring of its own; one thread writes them out.
// A core never waits for the log: where the ring is full the line is dropped and counted, and
// `log.dropped` says so later. If the file cannot be written its lines are dropped, counted and
// reported the same way.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/observe/event.h"
#include "engine/observe/line_ring.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"

namespace ringpost::observe {

class EventLog;

// Where one core puts its events. Used by that core's thread only; lives as long as its EventLog.
class EventSink {
 public:
  EventSink(EventLog& owner, unsigned core, std::size_t ring_octets);

  // True when such an event would be written: ask before gathering what only its line needs.
  template <Event E>
  bool wants() const;

  // Never blocks, never allocates. `now` is the turn's wall clock.
  template <Event E>
  void emit(WallTime now, const E& event) {
    if (!wants<E>()) return;
    LogLine line(now, core_, E::name);
    event.fields(line);
    push(line.finish());
  }

 private:
  friend class EventLog;
  void push(std::string_view line);

  EventLog& owner_;
  unsigned core_;
  LineRing ring_;
};

struct EventLogOptions {
  unsigned cores = 1;
  std::string path = {};  // file to append to; empty: `descriptor`
  int descriptor = 2;     // not closed by the log
  Level level = Level::Brief;
  std::size_t ring_octets = std::size_t{1} << 20;  // per core, a power of two
};

class EventLog {
 public:
  // Opens the file and starts the writer thread. Fails when the file cannot be opened.
  static std::expected<std::unique_ptr<EventLog>, Fault> open(EventLogOptions options);
  // Writes out what is in the rings (for at most flush_max) and ends the thread. No sink may be
  // used any more.
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // The sink of core 0 … cores-1, for that core's thread only.
  EventSink& core(unsigned index) { return *sinks_[index]; }

  // For every thread that is not a core (main, control, recovery): takes a lock, prints core=-.
  template <Event E>
  void emit(WallTime now, const E& event) {
    const std::scoped_lock lock(shared_lock_);
    shared_->emit(now, event);
  }

  // Any thread.
  void set_level(Level level) { set_shown(Shown::verbose(), level != Level::Brief); }
  // Traces, or ends it.
  void set_shown(Shown what, bool shown) {
    shown ? shown_.fetch_or(what.bits(), std::memory_order_relaxed)
          : shown_.fetch_and(~what.bits(), std::memory_order_relaxed);
  }
  Shown shown() const { return Shown(shown_.load(std::memory_order_relaxed)); }
  std::uint64_t lines_dropped() const;

  // Any thread, and from a signal handler: the writer opens the path anew (after a rotation).
  void request_reopen();

  static constexpr Duration flush_max = seconds(2);

 private:
  friend class EventSink;
  explicit EventLog(EventLogOptions options);
  void wake();
  void run();
  void sleep();
  bool drain();
  bool drain(LineRing& ring);
  void report_drops();
  void reopen();
  bool anything_to_do() const;
  std::span<const char> write_out(std::span<const char> octets);
  std::span<const char> write_all(std::span<const char> octets);
  bool wait_writable();

  EventLogOptions options_;
  int wake_descriptor_ = -1;
  std::atomic<std::uint32_t> shown_{0};
  std::atomic<bool> writer_sleeps_{false};
  std::atomic<bool> reopen_wanted_{false};
  std::atomic<bool> stop_wanted_{false};
  std::atomic<std::uint64_t> lines_unwritten_{0};

  // Of the writer thread, once it runs.
  int file_ = -1;
  bool regular_ = false;      // a regular file never makes a write wait
  bool inside_line_ = false;  // what was written last lacks its LF
  bool torn_ = false;         // and what lacked was lost
  std::uint64_t drops_reported_ = 0;
  Instant stop_deadline_ = never;

  std::vector<std::unique_ptr<EventSink>> sinks_;
  std::unique_ptr<EventSink> shared_;
  std::mutex shared_lock_;
  std::thread writer_;
};

template <Event E>
bool EventSink::wants() const {
  return is_wanted<E>(owner_.shown());
}

}  // namespace ringpost::observe
