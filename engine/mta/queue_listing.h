// QueueListing: the rows of `show queue` and `show envelope`, gathered on each core by a task that
// reads Envelopes back from the log, one after the other, without holding the core up.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/control_rows.h"
#include "engine/mta/gathering.h"
#include "engine/mta/worker.h"

namespace ringpost::mta {

// A QueueRow that owns its text.
struct QueueEntry {
  QueueId id;
  std::uint32_t recipient = 0;
  WallTime accepted{};
  std::uint64_t octets = 0;
  std::string from, to, action, state, last_error;
  std::uint32_t attempts = 0;
  WallTime next_try{};
};
QueueRow row_of(const QueueEntry& entry);

// What is asked for: rows behind `after`, at most `limit`, of one message or of all.
struct ListingWish {
  std::optional<QueueId> only;
  QueueId after_id{};
  std::uint32_t after_recipient = 0;
  bool has_after = false;
  std::size_t limit = 0;
};
using QueuePart = std::vector<QueueEntry>;

// One core's part, in the order of id and recipient. Runs on that core.
ring::Task<void> list_queue(Worker& worker, ListingWish wish,
                            std::shared_ptr<Gathering<QueuePart>> gathering);

// The Envelope of a message as JSON; null where it is not.
ring::Task<void> show_envelope(Worker& worker, QueueId id,
                               std::shared_ptr<Gathering<Json>> gathering);

}  // namespace ringpost::mta
