// LogReader: reads one segment from octets that are pushed in order; sans-IO. Gives every record
// that verifies, with its place; after an invalid place it looks for the next valid batch, block by
// block. Never fails: what does not verify comes out as Damage.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proto/base/bytes.h"
#include "store/log/record.h"

namespace ringpost::store {

enum class DamageReason : std::uint8_t {
  SegmentHeader,  // block 0 is neither zeros nor a valid header
  BatchHeader,    // no valid batch where one should be
  RecordHeader,   // the rest of the batch's records is unreadable
  Payload,        // one record's octets do not match its checksum
  Envelope,       // the record verifies, but is not an Envelope or Outcome
  Content,        // the Envelope there names content in a segment that is missing
};
std::string_view to_text(DamageReason reason);

// Octets from `begin` to `end` of the segment are unusable.
struct Damage {
  SegmentId segment;
  std::uint32_t slot = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  DamageReason reason = DamageReason::BatchHeader;
};

struct ReadRecord {
  RecordHeader header;
  Extent where;                    // of the payload
  Bytes payload;                   // valid until the next call of push()
  std::uint32_t intent_begin = 0;  // see BatchHeader
};

class LogReader {
 public:
  // `segment_octets`: size of the file; `slot` is only copied into Damage.
  LogReader(std::uint32_t slot, std::uint32_t segment_octets);

  // The offset of the octet that push() needs next, a multiple of block_octets. It may lie further
  // on than the end of the last push (raw pages are not read here). segment_octets: nothing is
  // needed.
  std::uint32_t wanted() const;

  // Octets of the file from wanted(), a multiple of block_octets. Drain next_record() before the
  // next.
  void push(Bytes octets);
  std::optional<ReadRecord> next_record();

  // After wanted() has reached the end, or the file has ended early:
  // the header; nothing if it is damaged or the file was never used.
  const std::optional<SegmentHeader>& header() const { return header_; }
  // From the header, or if that is damaged from the first batch that verifies.
  SegmentId segment() const { return segment_; }
  const std::vector<Damage>& damage() const { return damage_; }
  // The end of the last valid batch.
  std::uint32_t end() const { return end_; }
  // Where the last intent begins of which any batch was valid. Everything before that place was
  // acknowledged (see LogWriter's contract); what lies behind it may be torn.
  std::uint32_t last_intent_begin() const { return last_intent_begin_; }

 private:
  bool has(std::uint32_t offset, std::uint64_t octets) const;
  Bytes at(std::uint32_t offset, std::uint32_t octets) const;
  void read_segment_header();
  bool find_batch();
  bool is_ours(const BatchHeader& batch) const;
  std::optional<ReadRecord> read_record();
  void end_batch();
  void note(std::uint32_t begin, std::uint32_t end, DamageReason reason);

  std::uint32_t slot_;
  std::uint32_t segment_octets_;
  std::vector<std::byte> pending_;  // octets of the file from pending_at_ on
  std::uint32_t pending_at_ = 0;
  std::uint32_t cursor_ = 0;  // what lies before is done with
  std::optional<SegmentHeader> header_;
  SegmentId segment_;
  std::optional<std::uint64_t> life_;
  std::optional<BatchHeader> batch_;
  std::uint32_t record_at_ = 0;  // offset of the next record of batch_
  std::uint32_t seed_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t last_intent_begin_ = 0;
  std::vector<Damage> damage_;
};

}  // namespace ringpost::store
