// CompiledPatterns: the patterns of one table, ready to match; PatternMatchers: one core's working
// memory for them. Made when a configuration is loaded; matching never waits and cannot fail.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "proto/conf/table.h"
#include "scan/pattern/matcher.h"

namespace ringpost::mta {

struct CompiledPatterns {
  explicit CompiledPatterns(scan::Database compiled, bool is_from_disk = false);
  std::uint64_t number;  // no two in the life of the process have the same
  scan::Database database;
  bool from_disk;  // it need not be kept again
};

class PatternMatchers {
 public:
  bool matches(const CompiledPatterns& patterns, std::string_view text);
  // Forgets the memory for all; for when their generation changes.
  void clear() { matchers_.clear(); }

 private:
  std::unordered_map<std::uint64_t, scan::Matcher> matchers_;
};

}  // namespace ringpost::mta
