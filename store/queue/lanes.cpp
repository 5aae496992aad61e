// Lanes: see lanes.h.
#include "store/queue/lanes.h"

#include "proto/base/check.h"

namespace ringpost::store {

bool Lanes::enter(const std::string& lane, std::size_t most, const QueuedRecipient& entry) {
  CHECK(most > 0);
  Lane& state = lanes_[lane];
  if (state.inside < most) {
    ++state.inside;
    return true;
  }
  state.parked.push_back(entry);
  ++parked_;
  return false;
}

std::vector<QueuedRecipient> Lanes::leave(const std::string& lane) {
  const auto found = lanes_.find(lane);
  CHECK(found != lanes_.end() && found->second.inside > 0);
  Lane& state = found->second;
  const std::size_t count =
      --state.inside == 0 ? state.parked.size() : std::size_t{!state.parked.empty()};
  const auto end = state.parked.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<QueuedRecipient> back(state.parked.begin(), end);
  state.parked.erase(state.parked.begin(), end);
  parked_ -= count;
  if (state.inside == 0) lanes_.erase(found);
  return back;
}

}  // namespace ringpost::store
