// Recovery of the spool at the start, before any core runs: reads every segment, finds the messages
// that live, and shares them out to the cores (log modulo cores, so that any number of cores takes
// over from any other). Blocks. Damage is reported and never stops the start; only what cannot be
// read at all is a Fault.
#pragma once

#include <expected>
#include <vector>

#include "engine/mta/segment_store.h"
#include "engine/observe/event_log.h"
#include "store/log/recovery.h"

namespace ringpost::mta {

// What one core takes over.
struct RecoveredShare {
  std::vector<store::MessageSummary> messages;
  std::vector<store::SegmentId> segments;  // owned by this core
  struct Borrowed {
    store::SegmentId segment;
    unsigned owner = 0;
  };
  std::vector<Borrowed> borrowed;      // owned by others, used by messages of this core
  std::vector<store::SegmentId> lent;  // one entry for each core that borrows a segment of this one
  std::vector<store::RecoveredSpool::Reliance> reliances;
  std::uint64_t last_id = 0;
};

struct RecoveredState {
  std::vector<RecoveredShare> shares;  // one a core
  store::SegmentId segment_max;
  std::uint64_t messages = 0;
};

std::expected<RecoveredState, Fault> recover(SegmentStore& segments, unsigned cores,
                                             observe::EventLog& log);

}  // namespace ringpost::mta
