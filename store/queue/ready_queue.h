// ReadyQueue: a bounded window of recipients that are being worked on, over a backlog ordered by
// the time they are due. One core's; sans-IO. Cannot fail.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

#include "proto/base/clock.h"
#include "proto/base/queue_id.h"

namespace ringpost::store {

struct QueuedRecipient {
  WallTime due{};
  QueueId id;
  std::uint32_t recipient = 0;
  constexpr auto operator<=>(const QueuedRecipient&) const = default;
};

class ReadyQueue {
 public:
  explicit ReadyQueue(std::size_t active_max) : active_max_(active_max) {}

  void add(const QueuedRecipient& entry) { waiting_.insert(entry); }
  // True if exactly this entry was waiting. The due time is in the Index.
  bool remove(const QueuedRecipient& entry) { return waiting_.erase(entry) > 0; }
  // The entry that is longest due; it counts as active until done(). Nothing: none is due, or the
  // window is full.
  std::optional<QueuedRecipient> take(WallTime now);
  void done();

  // How many may be active at once from here on.
  void allow_active(std::size_t most) { active_max_ = most; }

  // When take() may have something, if the window is not full.
  std::optional<WallTime> next_due() const;
  std::size_t active() const { return active_; }
  std::size_t active_max() const { return active_max_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::set<QueuedRecipient> waiting_;
  std::size_t active_max_;
  std::size_t active_ = 0;
};

}  // namespace ringpost::store
