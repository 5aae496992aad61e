// LogWriter: one log's writing end. Takes records, hands out extents and tickets at once, and says
// what to write next; sans-IO. A failed write seals its segment for good: after a failed flush
// nobody knows what the medium holds, so it is never tried again.
//
// Contract with the owner (one core):
//   * At most one intent is out; next_intent() gives nothing until completed() was called for it.
//   * completed({}) may be called only when ALL of the intent is on stable storage. Every intent is
//   to be
//     written durably (RWF_DSYNC, or write + fdatasync): recovery infers from a later intent that
//     the earlier ones were whole.
//   * A refused append (see Refused) is tried again after the next completed() or
//   provide_segment().
//   * Segments named by extents of a message that has no durable Envelope yet are known only to the
//     caller: it holds an Index::lease() on each from the append until the ticket of the Envelope
//     has settled, or the message was given up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/queue_id.h"
#include "store/log/extent.h"
#include "store/log/record.h"
#include "store/spool/envelope.h"
#include "store/spool/outcome.h"

namespace ringpost::store {

// The number of an intent, counted over the whole run of the writer. 1, 2, 3 …
using Ticket = std::uint64_t;

// One write: `parts` back to back, from `offset` of the file in `slot`. Addresses, lengths and the
// offset are multiples of block_octets. `parts` and what they point to stay until completed().
struct WriteIntent {
  SegmentId segment;
  std::uint32_t slot = 0;
  std::uint32_t offset = 0;
  std::uint32_t octets = 0;
  std::span<const Bytes> parts;
  Ticket ticket = 0;
  bool commit_wanted = false;  // somebody waits for this ticket
};

// A segment file that is ours to overwrite: new, or durably Free.
struct FreshSegment {
  std::uint32_t slot = 0;
  SegmentId segment;       // never used before, higher than all before
  std::uint64_t life = 0;  // 64 random bits
  WallTime opened{};
};

// A segment that gets no more writes.
struct SealedSegment {
  SegmentId segment;
  SegmentId successor;
  bool failed = false;
};

// Tickets first..last are settled, all the same way. Every ticket settles exactly once, in order.
struct Settled {
  Ticket first = 0;
  Ticket last = 0;
  bool durable = false;
};

enum class Refused : std::uint8_t {
  NoRoomNow,  // try again after completed() or provide_segment()
  TooLarge,   // can never be written with this staging and segment size
};

// A record that was taken: durable once `ticket` settles so. `where` is its payload.
struct Appended {
  Ticket ticket = 0;
  Extent where;
};

struct WriterSetup {
  std::uint32_t log = 0;
  std::uint32_t segment_octets = segment_octets_default;
  // Block-aligned, a multiple of two blocks, at least staging_octets_min; used as two halves, one
  // in flight and one being filled. Must outlive the writer. The only memory that intents point
  // into, besides pages given to append_pages().
  MutableBytes staging;
  std::uint32_t raw_octets_per_intent_max = 4u << 20;
  std::uint32_t parts_per_intent_max = 512;  // the kernel takes at most 1,024 (IOV_MAX)
};

inline constexpr std::size_t staging_octets_min = 8 * block_octets;
inline constexpr std::size_t content_fragment_octets_min = 1024;

class LogWriter {
 public:
  explicit LogWriter(const WriterSetup& setup);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // True while there is no segment to follow the current one. Nothing is refused for it until the
  // current one is full, so answer early. At most one is kept in reserve.
  bool needs_segment() const { return !next_segment_; }
  // What is left of the current segment, not counting what is staged; 0 when there is none.
  std::uint32_t segment_room() const { return segment_ ? segment_octets_ - segment_->end : 0; }
  void provide_segment(const FreshSegment& fresh);

  // Copies a prefix of `octets` into the staging buffer and returns its length; 0: no room now.
  // Adds one extent to `extents`, or lengthens the last one where the octets continue it on disk.
  std::size_t append_content(QueueId id, Bytes octets, std::vector<Extent>& extents);

  // Takes whole pages by reference: `pages` is block-aligned in address and length, `slice` the
  // part of it that is content. They must not change or go until ticket() of this moment has
  // settled. False: no room now. CHECKs pages.size() <= raw_octets_per_intent_max.
  bool append_pages(Bytes pages, Bytes slice, std::vector<Extent>& extents);

  // The commit record. The caller vouches that content was appended in the present epoch() (or is
  // durable since earlier) and that the limits of envelope.h hold.
  std::expected<Appended, Refused> append(QueueId id, const Envelope& envelope);
  std::expected<Appended, Refused> append(QueueId id, const Outcome& outcome);
  // Kills all copies of the message, durably once the ticket settles. Nothing may be appended for
  // this message any more, unless the ticket fails.
  std::expected<Appended, Refused> append_completed(QueueId id);

  enum class Flush : std::uint8_t {
    WhenWanted,  // only if a record waits for it, room ran short, or half of the room is used
    Everything,  // whatever is staged, for example to get lent pages back
  };
  std::optional<WriteIntent> next_intent(Flush flush = Flush::WhenWanted);

  // The end of the intent that is out. On failure every ticket that is not settled fails,
  // everything staged is dropped, the segment is sealed and epoch() moves on.
  Settled completed(const std::expected<void, Fault>& result);

  // Hands out, once each, segments that get no more writes. To be asked after completed() and after
  // the settled records were entered into the Index, which then may free them.
  std::optional<SealedSegment> next_sealed();

  // The ticket of what is appended now.
  Ticket ticket() const { return ticket_; }
  Ticket durable_ticket() const { return durable_ticket_; }
  bool in_flight() const { return in_flight_.has_value(); }
  // Counts failures. Extents of content that is not yet named by a durable Envelope are void when
  // this differs from what it was when the first of them was appended.
  std::uint32_t epoch() const { return epoch_; }
  SegmentId segment() const { return segment_ ? segment_->header.segment : SegmentId{}; }

 private:
  struct OpenSegment {
    SegmentHeader header;
    std::uint32_t slot = 0;
    std::uint32_t end = 0;          // where the next intent starts
    std::uint32_t durable_end = 0;  // where the last acknowledged one ended
    std::uint32_t batches = 0;
    bool failed = false;
  };
  // What waits in one half of the staging buffer; all of it for the same segment.
  struct Staging {
    MutableBytes room;  // its first block is kept for a segment header
    std::uint32_t used = block_octets;
    std::uint32_t begin = 0;  // offset in the segment of the first batch
    std::uint32_t end = 0;    // offset in the segment behind the last closed batch
    std::uint32_t raw_octets = 0;
    std::vector<Bytes> parts;
    bool commit_wanted = false;
  };
  struct OpenBatch {
    std::uint32_t staged_at = 0;  // where its header lies in the staging half
    std::uint32_t offset = 0;     // where it will lie in the segment
    std::uint32_t packed_octets = 0;
    std::uint32_t raw_octets = 0;
    std::uint32_t sequence = 0;
    std::uint32_t seed = 0;
    bool packed_closed = false;  // raw pages follow: no more records
  };
  struct OpenRecord {
    std::uint32_t staged_at = 0;
    RecordHeader header;
  };
  struct InFlight {
    SegmentId segment;
    std::uint32_t end = 0;
    Ticket ticket = 0;
  };

  bool takes_records() const { return batch_ && !batch_->packed_closed; }
  bool is_empty() const { return !batch_ && halves_[filling_].parts.empty(); }
  std::int64_t payload_room() const;
  bool pages_fit(std::uint32_t octets) const;
  bool make_room(std::uint32_t payload_octets);
  bool enter_next_segment();
  void open_batch();
  void close_packed();
  void close_batch();
  MutableBytes place_record(RecordType type, QueueId id, std::uint32_t payload_octets);
  void close_record();
  std::uint32_t offset_of(std::uint32_t staged_at) const;
  template <class Payload>
  std::expected<Appended, Refused> append_record(RecordType type, QueueId id,
                                                 const Payload& payload);
  void stage_pages(Bytes pages);
  bool is_due(Flush flush) const;
  void put_segment_header(Staging& staging);
  void fail(SegmentId segment);

  std::uint32_t log_;
  std::uint32_t segment_octets_;
  std::uint32_t raw_octets_per_intent_max_;
  std::uint32_t parts_per_intent_max_;
  std::array<Staging, 2> halves_;
  std::size_t filling_ = 0;  // index of the half that takes appends
  std::optional<OpenSegment> segment_;
  std::optional<OpenSegment> previous_;  // the one before segment_, or the one that failed
  std::optional<FreshSegment> next_segment_;
  std::optional<OpenBatch> batch_;
  std::optional<OpenRecord> record_;
  std::optional<InFlight> in_flight_;
  std::vector<SealedSegment> sealed_;
  Ticket ticket_ = 1;
  Ticket durable_ticket_ = 0;
  std::uint32_t epoch_ = 0;
  bool pressed_ = false;  // an append was refused: what is staged should leave
};

}  // namespace ringpost::store
