// The figures of filter processes, by their names: a set for each core that asks, and one more for
// the core that runs the program. Sets are made when a configuration names a process and stay for
// as long as the daemon, so that a reload does not set figures back.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/observe/metrics.h"

namespace ringpost::observe {

// Written by one core.
struct FilterFigures {
  // Of the core that asks.
  Counter reports;
  Counter questions;
  Counter proceeds, junks, rejects, disconnects, rewrites, filter_reports;  // answers
  Counter unavailable;                                                      // no answer
  Counter late;           // of those: none within the answer-timeout
  LimitGauge queue;       // octets that wait to be taken over by the owner
  Histogram answer_wait;  // µs from a question to its answer; of content, from its end
  // Of the core that runs it.
  Gauge ready;  // 1: it serves
  Counter starts;
  Counter deaths;   // ends that nobody asked for
  Counter strays;   // answers to nothing that is asked (still)
  Gauge unwritten;  // octets that it has not read
};

// Thread-safe.
class FilterMetrics {
 public:
  // Stays valid for as long as this object.
  FilterFigures& of(const std::string& filter, unsigned core);
  // Summed over the cores, with the label `filter="NAME"`.
  std::vector<Sample> samples() const;

 private:
  mutable std::mutex lock_;
  std::map<std::string, std::map<unsigned, std::unique_ptr<FilterFigures>>> filters_;
};

}  // namespace ringpost::observe
