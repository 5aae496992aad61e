// Index: the live messages of one core, by QueueId, and what they need of each segment. Says which
// segments may be freed. Holds only what is durable: enter a record when its ticket has settled.
//
// A segment may be freed when (1) it is sealed, (2) no live message needs octets in it and nobody
// holds a lease on it, (3) every segment is durably Free that holds an Envelope whose message a
// Completed record in this one kills. Without (3) a message would rise from the dead after a crash.
// Such reliance always points to older segments, so it has no circles.
//
// Several cores: every core has an Index. A segment is owned by one of them; the others add it with
// owned = false, and next_released() tells when their last use of it has gone, so that the owner's
// lease for that core can be returned. freed() goes to all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "proto/base/queue_id.h"
#include "store/log/extent.h"
#include "store/log/writer.h"
#include "store/spool/outcome.h"
#include "store/spool/summary.h"

namespace ringpost::store {

class Index {
 public:
  // --- segments -------------------------------------------------------------------------------
  // A segment that is being written here, or that recovery found (then also seal_recovered()). To
  // be called before anything names it.
  void add_segment(SegmentId segment, bool owned);
  // All records of the segment that are durable have been entered.
  void seal(const SealedSegment& sealed);
  // After recovery, once its messages and reliances have been entered.
  void seal_recovered(SegmentId segment);
  // `tombstone` holds the death of something of which `copy` holds a copy. For recovery.
  void rely(SegmentId tombstone, SegmentId copy);
  // Somebody reads in the segment, or has written content there that no durable Envelope names yet,
  // or a record that is durable but not entered here yet.
  void lease(SegmentId segment);
  void return_lease(SegmentId segment);
  // A segment of ours that may be freed now, each once. Write a Free header over it durably, then
  // call freed(); if that write fails call free_failed(), and it is handed out again later.
  std::optional<SegmentId> next_freeable();
  void freed(SegmentId segment);
  void free_failed(SegmentId segment);
  // A segment of another core that nothing here uses any more, each once.
  std::optional<SegmentId> next_released();

  // --- messages -------------------------------------------------------------------------------
  // The Envelope is durable. A message that is there already is replaced if the generation is
  // higher: it was relocated, and progress made meanwhile is kept.
  void insert(MessageSummary message);
  // A newer Envelope of the message has been appended there, for relocation: from then on, durable
  // or not, it counts among the copies that the death of the message must outlive.
  void note_copy(QueueId id, SegmentId segment);
  // The Outcome record is durable; `where` is its payload. False: no such message or recipient.
  bool apply(QueueId id, const Outcome& outcome, const Extent& where);
  // The Completed record is durable in `segment`. The message is forgotten.
  void complete(QueueId id, SegmentId segment);
  // Valid until the next call that changes messages; null: unknown here.
  const MessageSummary* find(QueueId id) const;
  std::size_t size() const { return places_.size(); }
  std::uint64_t pending_recipients() const { return pending_recipients_; }

  // Visits messages in no particular order: those at positions from `cursor` on, at most `steps`
  // positions, calls visit(const MessageSummary&). Returns where to go on; 0: all were seen.
  // Messages that come or go between calls may or may not be seen, the others are seen once.
  template <class Visit>
  std::size_t visit(std::size_t cursor, std::size_t steps, Visit&& visit) const {
    for (; steps > 0 && cursor < messages_.size(); --steps, ++cursor)
      if (messages_[cursor].id.value != 0) visit(messages_[cursor]);
    return cursor < messages_.size() ? cursor : 0;
  }

  // --- figures for the cleaner ----------------------------------------------------------------
  struct SegmentFigures {
    SegmentId segment;
    std::uint64_t live_octets = 0;
    bool sealed = false;
    bool owned = false;
    std::uint32_t relied_on_by = 0;  // segments that wait for this one only
  };
  std::vector<SegmentFigures> figures() const;

 private:
  struct Segment {
    std::uint64_t live_octets = 0;
    std::uint32_t users = 0;  // SegmentUses that need octets here
    std::uint32_t leases = 0;
    bool added = false;  // by add_segment(); else it is only known that it exists
    bool sealed = false;
    bool owned = false;
    bool offered = false;  // given out by next_freeable() or next_released()
    std::vector<SegmentId> relies_on;
  };
  static bool is_idle(const Segment& segment);
  static bool may_go(const Segment& segment);
  void occupy(const std::vector<SegmentUse>& uses);
  void vacate(const std::vector<SegmentUse>& uses);
  void replace(MessageSummary& known, MessageSummary message);
  void consider(SegmentId segment);
  std::optional<SegmentId> next_of(std::vector<SegmentId>& offers);
  static std::uint64_t count_pending(const MessageSummary& message);

  std::unordered_map<SegmentId, Segment> segments_;
  std::unordered_map<QueueId, std::uint32_t> places_;  // into messages_
  std::deque<MessageSummary> messages_;                // id 0: vacant
  std::vector<std::uint32_t> vacant_;
  std::vector<SegmentId> freeable_;
  std::vector<SegmentId> released_;
  std::uint64_t pending_recipients_ = 0;
};

}  // namespace ringpost::store
