// ReadyQueue: see ready_queue.h. Sans-IO.
#include "store/queue/ready_queue.h"

#include "proto/base/check.h"

namespace ringpost::store {

std::optional<QueuedRecipient> ReadyQueue::take(WallTime now) {
  if (active_ >= active_max_ || waiting_.empty()) return std::nullopt;
  const QueuedRecipient first = *waiting_.begin();
  if (first.due > now) return std::nullopt;
  waiting_.erase(waiting_.begin());
  ++active_;
  return first;
}

void ReadyQueue::done() {
  CHECK(active_ > 0);
  --active_;
}

std::optional<WallTime> ReadyQueue::next_due() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->due;
}

}  // namespace ringpost::store
