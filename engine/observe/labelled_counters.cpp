// Counters by name and label: see labelled_counters.h.
#include "engine/observe/labelled_counters.h"

namespace ringpost::observe {

Counter& LabelledCounters::of(std::string_view name, std::string_view help,
                              const std::string& label, unsigned core) {
  const std::lock_guard guard(lock_);
  Row& row = rows_[{std::string(name), label}];
  row.help = help;
  auto& counter = row.cores[core];
  if (counter == nullptr) counter = std::make_unique<Counter>();
  return *counter;
}

std::vector<Sample> LabelledCounters::samples() const {
  const std::lock_guard guard(lock_);
  std::vector<Sample> all;
  for (const auto& [key, row] : rows_) {
    std::uint64_t total = 0;
    for (const auto& [core, counter] : row.cores) total += counter->value();
    all.push_back({key.first, row.help, SampleKind::Counter, key.second, total});
  }
  return all;
}

}  // namespace ringpost::observe
