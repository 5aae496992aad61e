// LabelledCounters: counters that exist once a configuration names what they count: a filter, a
// list. Made when they are first asked for, they stay for as long as the daemon, so that a reload
// does not set them back.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/observe/metrics.h"

namespace ringpost::observe {

// Thread-safe; each counter is written by its core alone.
class LabelledCounters {
 public:
  // `help` is a literal; `label` as in Sample. Stays valid for as long as this object.
  Counter& of(std::string_view name, std::string_view help, const std::string& label,
              unsigned core);
  // Summed over the cores.
  std::vector<Sample> samples() const;

 private:
  struct Row {
    std::string_view help;
    std::map<unsigned, std::unique_ptr<Counter>> cores;
  };
  mutable std::mutex lock_;
  std::map<std::pair<std::string, std::string>, Row> rows_;
};

}  // namespace ringpost::observe
