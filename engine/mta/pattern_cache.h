// PatternCache: compiled tables of patterns on disk, by the hash of what they were made of: a
// restart with ten thousand patterns does not compile them again, which takes half a minute. What
// is damaged, of another version or somebody else's is not there. Blocks: for threads that load.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "scan/pattern/database.h"

namespace ringpost::mta {

class PatternCache {
 public:
  // Tables of fewer are compiled each time: that takes no longer than to read a file.
  static constexpr std::size_t patterns_min = 100;
  // Files that are kept; the oldest go.
  static constexpr std::size_t files_max = 32;

  // `folder` is made when it is first needed; empty: nothing is kept.
  explicit PatternCache(std::string folder) : folder_(std::move(folder)) {}

  std::optional<scan::Database> find(std::span<const std::string_view> patterns) const;
  // Best effort: what cannot be written is compiled again next time. By the engine, whose the
  // folder is.
  void keep(std::span<const std::string_view> patterns, const scan::Database& database) const;

 private:
  bool is_of_use(std::span<const std::string_view> patterns) const {
    return !folder_.empty() && patterns.size() >= patterns_min;
  }
  void drop_oldest() const;

  std::string folder_;
};

}  // namespace ringpost::mta
