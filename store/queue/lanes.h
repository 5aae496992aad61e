// Lanes: how many recipients of one kind (of one user, of one server) may be worked on at a time,
// so that a kind that hangs leaves room for the others. Those that find their lane full are parked
// and come back when there is room. One core's; sans-IO. Cannot fail.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/queue/ready_queue.h"

namespace ringpost::store {

class Lanes {
 public:
  // True: it is in, until leave(). False: it is parked. `most` is at least 1.
  bool enter(const std::string& lane, std::size_t most, const QueuedRecipient& entry);
  // Gives those that were parked and may try again: one, or all when the lane has become empty,
  // since one that comes back may be gone from the queue by then.
  std::vector<QueuedRecipient> leave(const std::string& lane);

  std::size_t parked() const { return parked_; }

 private:
  struct Lane {
    std::size_t inside = 0;
    std::deque<QueuedRecipient> parked;
  };
  std::unordered_map<std::string, Lane> lanes_;  // only those in which somebody is
  std::size_t parked_ = 0;
};

}  // namespace ringpost::store
