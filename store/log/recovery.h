// Recovery: from the segments that a crash left to the messages that live. Sans-IO: the owner
// reads.
//   1. For every slot, on any core and in any order: a SegmentScan, fed from wanted() on; then
//   report().
//   2. Recovery::add() of all reports, in any order, on one core.
//   3. unverified() names content to be read, because a crash may have torn it; answer each with
//      verified().
//   4. finish().
// Never fails: what cannot be used is listed. Every acknowledged message comes out, save those
// whose Envelope record itself is among the damage of a sealed part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/queue_id.h"
#include "store/log/extent.h"
#include "store/log/reader.h"
#include "store/log/record.h"
#include "store/spool/outcome.h"
#include "store/spool/summary.h"

namespace ringpost::store {

// What one segment holds, without the content. A plain value that may be moved between cores.
struct SegmentReport {
  struct FoundEnvelope {
    MessageSummary message;
    std::vector<Extent> suspects;  // its extents in the same intent, if that is the last one here
    bool torn = false;             // one of the suspects did not verify
  };
  struct FoundOutcome {
    QueueId id;
    Outcome outcome;
    Extent where;
  };
  struct FoundCompleted {
    QueueId id;
    std::uint32_t offset = 0;
  };
  std::uint32_t slot = 0;
  SegmentId segment;  // none: never used, or nothing in it can be read
  std::optional<SegmentHeader> header;
  std::uint32_t end = 0;                // of the last valid batch
  std::uint32_t last_intent_begin = 0;  // everything before was acknowledged
  std::vector<FoundEnvelope> envelopes;
  std::vector<FoundOutcome> outcomes;
  std::vector<FoundCompleted> completed;
  std::vector<Damage> damage;
  std::uint64_t queue_id_max[256] = {};  // by QueueId::core()
};

class SegmentScan {
 public:
  SegmentScan(std::uint32_t slot, std::uint32_t segment_octets);
  // See LogReader. A segment whose header says Free wants nothing more.
  std::uint32_t wanted() const { return reader_.wanted(); }
  void push(Bytes octets);
  SegmentReport report();

 private:
  void take(const ReadRecord& record);
  void take_envelope(const ReadRecord& record);

  LogReader reader_;
  SegmentReport report_;
  std::size_t suspected_from_ = 0;  // envelopes from here on belong to the last intent so far
  std::uint32_t intent_begin_ = 0;
};

// Unreadable: block 0 is damaged and so is all the rest. Nothing is known to be in it; leave it for
// whoever wants to look.
enum class SlotState : std::uint8_t { Unused, Free, Sealed, Unreadable };

struct RecoveredSegment {
  std::uint32_t slot = 0;
  std::uint32_t log = 0;
  SegmentId segment;
  SlotState state = SlotState::Unused;
  std::uint32_t end = 0;
};

struct RecoveredSpool {
  // Ordered by QueueId. A message with nothing pending died just before its Completed record:
  // append that again. `uses` names only segments that are in `segments`, maybe of several logs.
  std::vector<MessageSummary> messages;
  std::vector<RecoveredSegment> segments;  // ordered by slot
  struct Reliance {
    SegmentId tombstone;
    SegmentId copy;
  };
  std::vector<Reliance> reliances;  // for Index::rely()
  // What recipients that wait were told last; gone once the cleaner has moved a
  // message.
  struct LastError {
    QueueId id;
    std::uint32_t recipient = 0;
    std::string text;
  };
  std::vector<LastError> errors;
  std::vector<Damage> damaged;    // in what was acknowledged: to be quarantined and reported
  std::uint64_t torn_octets = 0;  // normal: what a crash cut off
  std::uint32_t torn_envelopes = 0;
  SegmentId segment_max;                 // give out higher ones only
  std::uint64_t queue_id_max[256] = {};  // by QueueId::core(), 0: none seen
};

class Recovery {
 public:
  void add(SegmentReport report);
  // Content that must be read before finish(); all reports must have been added.
  const std::vector<Extent>& unverified();
  // `ok`: the octets of unverified()[position] were read and have its CRC. Each is to be answered.
  void verified(std::size_t position, bool ok);
  RecoveredSpool finish();

 private:
  // One copy of a message's Envelope.
  struct Copy {
    QueueId id;
    std::uint32_t generation = 0;
    SegmentId segment;
    std::uint32_t offset = 0;
    MessageSummary* message = nullptr;
    bool torn = false;
    bool operator<(const Copy& other) const;
  };
  struct Suspect {
    std::size_t report = 0;
    std::size_t envelope = 0;
  };
  using Copies = std::vector<Copy>;

  void prepare();
  void drop_twins();
  void cut_void_ends();
  void cut(SegmentReport& report, const SegmentHeader& successor);
  void sort_damage(const SegmentReport& report);
  void list_segments();
  Copies list_copies();
  void elect(Copies::iterator first, Copies::iterator last);
  void bury(Copies::iterator first, Copies::iterator last,
            const std::vector<SegmentId>& tombstones);
  void apply_outcomes();
  void collect_errors();
  void drop_missing();

  std::vector<SegmentReport> reports_;
  std::vector<Extent> unverified_;
  std::vector<Suspect> suspects_;  // parallel to unverified_
  std::vector<bool> answered_;
  bool prepared_ = false;
  RecoveredSpool spool_;
};

}  // namespace ringpost::store
