// LogReader: see reader.h and FORMAT.md. Sans-IO; never fails, damage is part of the result.
#include "store/log/reader.h"

#include <algorithm>

#include "proto/base/check.h"
#include "proto/base/crc32c.h"

namespace ringpost::store {

std::string_view to_text(DamageReason reason) {
  switch (reason) {
    case DamageReason::SegmentHeader:
      return "segment header";
    case DamageReason::BatchHeader:
      return "batch header";
    case DamageReason::RecordHeader:
      return "record header";
    case DamageReason::Payload:
      return "record payload";
    case DamageReason::Envelope:
      return "envelope";
    case DamageReason::Content:
      return "content";
  }
  return "unknown";
}

LogReader::LogReader(std::uint32_t slot, std::uint32_t segment_octets)
    : slot_(slot), segment_octets_(segment_octets / block_octets * block_octets) {}

std::uint32_t LogReader::wanted() const {
  const std::uint32_t pending_end = pending_at_ + static_cast<std::uint32_t>(pending_.size());
  return std::min(std::max(cursor_, pending_end), segment_octets_);
}

void LogReader::push(Bytes octets) {
  CHECK(octets.size() % block_octets == 0 && octets.size() <= segment_octets_ - wanted());
  const std::uint32_t from = wanted();
  const std::size_t done = std::min<std::size_t>(cursor_ - pending_at_, pending_.size());
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
  pending_at_ = from - static_cast<std::uint32_t>(pending_.size());
  pending_.insert(pending_.end(), octets.begin(), octets.end());
}

bool LogReader::has(std::uint32_t offset, std::uint64_t octets) const {
  return offset >= pending_at_ && offset - pending_at_ + octets <= pending_.size();
}

Bytes LogReader::at(std::uint32_t offset, std::uint32_t octets) const {
  DCHECK(has(offset, octets));
  return Bytes(pending_).subspan(offset - pending_at_, octets);
}

std::optional<ReadRecord> LogReader::next_record() {
  if (cursor_ == 0 && has(0, block_octets)) read_segment_header();
  while (cursor_ > 0) {
    if (!batch_ && !find_batch()) return std::nullopt;
    if (!has(cursor_, batch_header_octets + std::uint64_t{batch_->packed_octets}))
      return std::nullopt;
    if (auto record = read_record()) return record;
    end_batch();
  }
  return std::nullopt;
}

void LogReader::read_segment_header() {
  const Bytes block = at(0, block_octets);
  header_ = decode_segment_header(block);
  cursor_ = block_octets;
  end_ = block_octets;
  last_intent_begin_ = block_octets;
  if (header_) {
    segment_ = header_->segment;
    life_ = header_->life;
    if (header_->state == SegmentState::Free) cursor_ = segment_octets_;
  } else if (std::ranges::all_of(block, [](std::byte octet) { return octet == std::byte{0}; })) {
    cursor_ = segment_octets_;
  } else {
    note(0, block_octets, DamageReason::SegmentHeader);
  }
}

// A batch of another life, of an earlier place or with impossible bounds is not there.
bool LogReader::is_ours(const BatchHeader& batch) const {
  if (life_ && (batch.life != *life_ || batch.segment != segment_)) return false;
  if (batch.segment.value == 0 || batch.sequence <= sequence_) return false;
  if (batch.intent_begin > cursor_ || batch.intent_begin < last_intent_begin_) return false;
  return batch_octets(batch) <= segment_octets_ - cursor_;
}

// Looks from cursor_ on, block by block. False: more octets are needed, or the segment has ended.
bool LogReader::find_batch() {
  for (; cursor_ < segment_octets_; cursor_ += block_octets) {
    if (!has(cursor_, block_octets)) return false;
    const auto batch = decode_batch_header(at(cursor_, batch_header_octets));
    if (!batch || !is_ours(*batch)) continue;
    if (cursor_ != end_) note(end_, cursor_, DamageReason::BatchHeader);
    batch_ = batch;
    segment_ = batch->segment;
    life_ = batch->life;
    sequence_ = batch->sequence;
    last_intent_begin_ = batch->intent_begin;
    record_at_ = cursor_ + batch_header_octets;
    seed_ = record_seed(batch->life, batch->sequence);
    return true;
  }
  return false;
}

std::optional<ReadRecord> LogReader::read_record() {
  const std::uint32_t packed_end = cursor_ + batch_header_octets + batch_->packed_octets;
  while (record_at_ < packed_end) {
    const std::uint32_t left = packed_end - record_at_;
    const auto header =
        decode_record_header(at(record_at_, std::min(left, record_header_octets)), seed_);
    if (!header || header->payload_octets > left - record_header_octets) {
      note(record_at_, packed_end, DamageReason::RecordHeader);
      return std::nullopt;
    }
    const Extent where{.segment = segment_,
                       .offset = record_at_ + record_header_octets,
                       .length = header->payload_octets,
                       .crc = header->payload_crc};
    record_at_ = where.offset + where.length;
    const Bytes payload = at(where.offset, where.length);
    if (crc32c(0, payload) == header->payload_crc)
      return ReadRecord{*header, where, payload, batch_->intent_begin};
    note(where.offset, record_at_, DamageReason::Payload);
  }
  return std::nullopt;
}

void LogReader::end_batch() {
  cursor_ += batch_octets(*batch_);
  end_ = cursor_;
  batch_.reset();
}

void LogReader::note(std::uint32_t begin, std::uint32_t end, DamageReason reason) {
  damage_.push_back(
      {.segment = segment_, .slot = slot_, .begin = begin, .end = end, .reason = reason});
}

}  // namespace ringpost::store
