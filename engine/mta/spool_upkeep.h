// SpoolUpkeep: what keeps the spool of one core small: frees segments that nothing needs any more,
// tells the other cores, and moves the survivors of nearly empty segments so that those can be
// freed. Owner: one core.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "engine/mta/content_leases.h"
#include "engine/mta/content_reader.h"
#include "engine/mta/dispatcher.h"
#include "engine/mta/spooler.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/task.h"
#include "store/spool/index.h"

namespace ringpost::mta {

struct SpoolUpkeepOptions {
  // A segment of which something cannot be read is not cleaned again before this has passed.
  Duration put_off_for = seconds(600);
};

class SpoolUpkeep {
 public:
  SpoolUpkeep(WorkerParts& parts, SegmentStore& segments, store::Index& index,
              const SpoolUpkeepOptions& options = {});
  ~SpoolUpkeep();
  SpoolUpkeep(const SpoolUpkeep&) = delete;
  SpoolUpkeep& operator=(const SpoolUpkeep&) = delete;

  void meet(std::vector<SpoolUpkeep*> all) { all_ = std::move(all); }
  // A segment that another core owns, which messages of this core use (recovery with another number
  // of cores).
  void borrow(store::SegmentId segment, unsigned owner) { borrowed_.emplace(segment, owner); }

  // At the end of every turn.
  void run_due();
  void start();
  void stop();
  bool idle() const { return scope_.idle(); }

 private:
  // Word to another core about a segment; frees itself.
  struct Note : ring::Message {
    Note(SpoolUpkeep& receiver, store::SegmentId about, bool is_freed)
        : Message(&Note::arrived, &Note::dropped),
          target(receiver),
          segment(about),
          freed(is_freed) {}
    static void arrived(ring::Message& message);
    static void dropped(ring::Message& message) { delete static_cast<Note*>(&message); }
    SpoolUpkeep& target;
    store::SegmentId segment;
    bool freed;  // it is Free now; otherwise: the sender needs it no longer
  };

  void tell(SpoolUpkeep& other, store::SegmentId segment, bool freed);
  ring::Task<void> free_segment(store::SegmentId segment);
  ring::Task<void> clean();
  // NotNow: no room, or a failed write.
  enum class Moved : std::uint8_t { Done, NotNow, Unreadable };
  ring::Task<Moved> relocate(QueueId id, store::SegmentId from);
  ring::Task<bool> commit_copy(QueueId id, store::Envelope envelope);
  ring::Task<Moved> copy_extent(QueueId id, const store::Extent& extent,
                                std::vector<store::Extent>& target, ContentLeases& leases);
  std::set<store::SegmentId> put_off();
  ring::Task<bool> append_piece(QueueId id, MutableBytes piece, std::vector<store::Extent>& target,
                                ContentLeases& leases);
  std::vector<QueueId> messages_in(store::SegmentId segment) const;
  void look_for_work();
  void note_figures();

  WorkerParts& parts_;
  SegmentStore& segments_;
  store::Index& index_;
  std::vector<SpoolUpkeep*> all_;
  std::unordered_map<store::SegmentId, unsigned> borrowed_;
  ReadBuffers buffers_;
  SpoolUpkeepOptions options_;
  std::map<store::SegmentId, Instant> put_off_;  // until when
  bool cleaning_ = false;
  bool stopping_ = false;
  ring::Scope scope_;
  ring::TimerOf<SpoolUpkeep, &SpoolUpkeep::look_for_work> timer_{*this};
};

}  // namespace ringpost::mta
