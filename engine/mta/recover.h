// Recovery of the spool at the start, before any core runs: reads every segment, finds the messages
// that live, and shares them out to the cores (log modulo cores, so that any number of cores takes
// over from any other). Blocks. Damage never stops the start: what cannot be read, or does not
// verify, is reported, and its file kept and not used again. A Fault is want of memory.
#pragma once

#include <expected>
#include <functional>
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
  std::vector<store::RecoveredSpool::LastError> errors;
  std::uint64_t last_id = 0;
};

struct RecoveredState {
  std::vector<RecoveredShare> shares;  // one a core
  store::SegmentId segment_max;
  std::uint64_t messages = 0;
};

// How a segment is read; tests put failures into it.
using SegmentRead = std::function<std::expected<std::size_t, Fault>(
    const disk::DirectFile& file, std::uint64_t offset, MutableBytes target)>;

std::expected<RecoveredState, Fault> recover(SegmentStore& segments, unsigned cores,
                                             observe::EventLog& log,
                                             SegmentRead read = &disk::DirectFile::read);

}  // namespace ringpost::mta
