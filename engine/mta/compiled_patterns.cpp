// Patterns of tables: see compiled_patterns.h.
#include "engine/mta/compiled_patterns.h"

#include <atomic>
#include <utility>

#include "proto/base/bytes.h"

namespace ringpost::mta {
namespace {

// Sessions of old generations may fill it again after clear().
constexpr std::size_t matchers_max = 256;

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

CompiledPatterns::CompiledPatterns(scan::Database compiled, bool is_from_disk)
    : number(next_number()), database(std::move(compiled)), from_disk(is_from_disk) {}

bool PatternMatchers::matches(const CompiledPatterns& patterns, std::string_view text) {
  auto found = matchers_.find(patterns.number);
  if (found == matchers_.end()) {
    if (matchers_.size() >= matchers_max) matchers_.clear();
    found = matchers_.try_emplace(patterns.number, patterns.database).first;
  }
  return found->second.matches_any(bytes_of(text));
}

}  // namespace ringpost::mta
