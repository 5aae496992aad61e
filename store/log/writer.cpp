// LogWriter: see writer.h and FORMAT.md. Sans-IO; a failed write is reported by completed(), a
// wrong call is a CHECK.
//
//   half of the staging:  | segment header | batch | batch | …          parts: slices of this half
//                           block 0          ↑ record, record, padding         and lent raw pages
#include "store/log/writer.h"

#include <algorithm>
#include <cstring>

#include "proto/base/check.h"
#include "proto/base/crc32c.h"

namespace ringpost::store {
namespace {

bool is_block_aligned(Bytes octets) {
  return reinterpret_cast<std::uintptr_t>(octets.data()) % block_octets == 0 &&
         octets.size() % block_octets == 0;
}

constexpr std::uint32_t narrow(std::size_t octets) { return static_cast<std::uint32_t>(octets); }

}  // namespace

LogWriter::LogWriter(const WriterSetup& setup)
    : log_(setup.log),
      segment_octets_(setup.segment_octets),
      raw_octets_per_intent_max_(setup.raw_octets_per_intent_max),
      parts_per_intent_max_(setup.parts_per_intent_max) {
  CHECK(is_block_aligned(setup.staging) && setup.staging.size() % (2 * block_octets) == 0);
  CHECK(setup.staging.size() >= staging_octets_min);
  CHECK(setup.staging.size() / 2 <= packed_octets_max);
  CHECK(segment_octets_ % block_octets == 0 && segment_octets_ >= segment_octets_min &&
        segment_octets_ <= segment_octets_max);
  // A batch and the segment header must fit into an empty segment, or appends would wait for ever.
  CHECK(raw_octets_per_intent_max_ + 2 * block_octets <= segment_octets_);
  CHECK(parts_per_intent_max_ >= 4);
  const std::size_t half = setup.staging.size() / 2;
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    halves_[i].room = setup.staging.subspan(i * half, half);
    halves_[i].parts.reserve(parts_per_intent_max_);
  }
}

void LogWriter::provide_segment(const FreshSegment& fresh) {
  CHECK(!next_segment_);
  CHECK(!segment_ || fresh.segment > segment_->header.segment);
  CHECK(!previous_ || fresh.segment > previous_->header.segment);
  next_segment_ = fresh;
}

// --- room
// -------------------------------------------------------------------------------------------

// The longest payload that one more record may have now, negative if there is no room for a record.
std::int64_t LogWriter::payload_room() const {
  if (!segment_) return -1;
  const Staging& staging = halves_[filling_];
  const std::int64_t staged = std::int64_t{narrow(staging.room.size())} - staging.used;
  if (takes_records()) {
    const std::int64_t packed = staging.used - batch_->staged_at;
    const std::int64_t on_disk = std::int64_t{segment_octets_} - batch_->offset - packed;
    return std::min(staged, on_disk) - record_header_octets;
  }
  // A new batch; the open one, if any, must be able to close.
  if (staging.parts.size() + 2 > parts_per_intent_max_) return -1;
  const std::uint32_t at = batch_ ? batch_->offset + batch_->packed_octets + batch_->raw_octets
                           : is_empty() ? segment_->end
                                        : staging.end;
  const std::int64_t on_disk = std::int64_t{segment_octets_} - at;
  return std::min(staged, on_disk) - batch_header_octets - record_header_octets;
}

bool LogWriter::pages_fit(std::uint32_t octets) const {
  if (!segment_) return false;
  const Staging& staging = halves_[filling_];
  if (staging.parts.size() + 3 > parts_per_intent_max_) return false;
  if (staging.raw_octets + octets > raw_octets_per_intent_max_) return false;
  if (!batch_) {
    const std::uint32_t at = is_empty() ? segment_->end : staging.end;
    return staging.used + block_octets <= staging.room.size() &&
           segment_octets_ - at >= std::uint64_t{octets} + block_octets;
  }
  const std::uint32_t packed = batch_->packed_closed
                                   ? batch_->packed_octets
                                   : round_up_to_block(staging.used - batch_->staged_at);
  return segment_octets_ - batch_->offset >= std::uint64_t{packed} + batch_->raw_octets + octets;
}

// Makes the next record of that length possible, or notes that somebody waits.
bool LogWriter::make_room(std::uint32_t payload_octets) {
  if (payload_room() >= payload_octets) return true;
  if (is_empty() && enter_next_segment() && payload_room() >= payload_octets) return true;
  pressed_ = true;
  return false;
}

bool LogWriter::enter_next_segment() {
  if (!next_segment_) return false;
  if (segment_) previous_ = segment_;
  const FreshSegment fresh = *next_segment_;
  next_segment_.reset();
  if (previous_) {
    sealed_.push_back({.segment = previous_->header.segment,
                       .successor = fresh.segment,
                       .failed = previous_->failed});
  }
  segment_ = OpenSegment{};
  segment_->header.log = log_;
  segment_->header.segment = fresh.segment;
  segment_->header.octets = segment_octets_;
  segment_->header.life = fresh.life;
  segment_->header.opened = fresh.opened;
  segment_->slot = fresh.slot;
  segment_->end = block_octets;
  segment_->durable_end = block_octets;
  return true;
}

// --- batches and records
// ----------------------------------------------------------------------------

void LogWriter::open_batch() {
  Staging& staging = halves_[filling_];
  if (batch_) close_batch();
  if (is_empty()) {
    staging.begin = segment_->end;
    staging.end = segment_->end;
  }
  batch_ = OpenBatch{};
  batch_->staged_at = staging.used;
  batch_->offset = staging.end;
  batch_->sequence = ++segment_->batches;
  batch_->seed = record_seed(segment_->header.life, batch_->sequence);
  staging.used += batch_header_octets;
}

// Ends the packed part: it becomes a part of the intent, padded to a block with zeros.
void LogWriter::close_packed() {
  close_record();
  Staging& staging = halves_[filling_];
  const std::uint32_t padded = round_up_to_block(staging.used);
  std::ranges::fill(staging.room.subspan(staging.used, padded - staging.used), std::byte{0});
  BatchHeader header;
  header.packed_octets = staging.used - batch_->staged_at - batch_header_octets;
  batch_->packed_octets = padded - batch_->staged_at;
  batch_->packed_closed = true;
  staging.parts.push_back(staging.room.subspan(batch_->staged_at, batch_->packed_octets));
  header.segment = segment_->header.segment;
  header.sequence = batch_->sequence;
  header.intent_begin = staging.begin;
  header.life = segment_->header.life;
  encode(header, staging.room.subspan(batch_->staged_at, batch_header_octets));
  staging.used = padded;
}

void LogWriter::close_batch() {
  if (!batch_->packed_closed) close_packed();
  Staging& staging = halves_[filling_];
  const MutableBytes room = staging.room.subspan(batch_->staged_at, batch_header_octets);
  if (batch_->raw_octets > 0) {
    // The header was written before the number of raw pages was known.
    BatchHeader header = *decode_batch_header(room);
    header.raw_octets = batch_->raw_octets;
    encode(header, room);
  }
  staging.end = batch_->offset + batch_->packed_octets + batch_->raw_octets;
  batch_.reset();
}

MutableBytes LogWriter::place_record(RecordType type, QueueId id, std::uint32_t payload_octets) {
  if (!takes_records()) open_batch();
  close_record();
  Staging& staging = halves_[filling_];
  record_ = OpenRecord{.staged_at = staging.used, .header = {}};
  record_->header.type = type;
  record_->header.id = id;
  record_->header.payload_octets = payload_octets;
  const std::uint32_t payload_at = staging.used + record_header_octets;
  staging.used = payload_at + payload_octets;
  CHECK(staging.used <= staging.room.size());
  return staging.room.subspan(payload_at, payload_octets);
}

void LogWriter::close_record() {
  if (!record_) return;
  encode(record_->header, batch_->seed,
         halves_[filling_].room.subspan(record_->staged_at, record_header_octets));
  record_.reset();
}

std::uint32_t LogWriter::offset_of(std::uint32_t staged_at) const {
  return batch_->offset + (staged_at - batch_->staged_at);
}

// --- appends
// ----------------------------------------------------------------------------------------

std::size_t LogWriter::append_content(QueueId id, Bytes octets, std::vector<Extent>& extents) {
  if (octets.empty()) return 0;
  Staging& staging = halves_[filling_];
  const bool continues = record_ && record_->header.type == RecordType::Content &&
                         record_->header.id == id && !extents.empty() &&
                         extents.back().segment == segment_->header.segment &&
                         extents.back().crc == record_->header.payload_crc &&
                         extents.back().offset + extents.back().length == offset_of(staging.used);
  const auto wanted = narrow(std::min<std::size_t>(octets.size(), packed_octets_max));
  if (continues) {
    const std::int64_t room = payload_room() + record_header_octets;
    const auto taken = narrow(static_cast<std::size_t>(std::clamp<std::int64_t>(room, 0, wanted)));
    if (taken > 0) {
      std::memcpy(staging.room.data() + staging.used, octets.data(), taken);
      staging.used += taken;
      record_->header.payload_octets += taken;
      record_->header.payload_crc = crc32c(record_->header.payload_crc, octets.first(taken));
      extents.back().length += taken;
      extents.back().crc = record_->header.payload_crc;
      return taken;
    }
  }
  // A tiny fragment at the end of a batch costs more than it saves.
  if (!make_room(std::min(wanted, narrow(content_fragment_octets_min)))) return 0;
  const auto taken =
      narrow(static_cast<std::size_t>(std::min<std::int64_t>(payload_room(), wanted)));
  const MutableBytes room = place_record(RecordType::Content, id, taken);
  std::memcpy(room.data(), octets.data(), taken);
  record_->header.payload_crc = crc32c(0, octets.first(taken));
  extents.push_back({.segment = segment_->header.segment,
                     .offset = offset_of(record_->staged_at) + record_header_octets,
                     .length = taken,
                     .crc = record_->header.payload_crc});
  return taken;
}

bool LogWriter::append_pages(Bytes pages, Bytes slice, std::vector<Extent>& extents) {
  CHECK(is_block_aligned(pages) && !slice.empty() && lies_within(slice, pages));
  CHECK(pages.size() <= raw_octets_per_intent_max_);
  const std::uint32_t octets = narrow(pages.size());
  if (!pages_fit(octets)) {
    if (!is_empty() || !enter_next_segment() || !pages_fit(octets)) {
      pressed_ = true;
      return false;
    }
  }
  if (!batch_) open_batch();
  if (!batch_->packed_closed) close_packed();
  const std::uint32_t offset = batch_->offset + batch_->packed_octets + batch_->raw_octets +
                               narrow(static_cast<std::size_t>(slice.data() - pages.data()));
  stage_pages(pages);
  const bool continues = !extents.empty() && extents.back().segment == segment_->header.segment &&
                         extents.back().offset + extents.back().length == offset;
  if (continues) {
    extents.back().length += narrow(slice.size());
    extents.back().crc = crc32c(extents.back().crc, slice);
  } else {
    extents.push_back({.segment = segment_->header.segment,
                       .offset = offset,
                       .length = narrow(slice.size()),
                       .crc = crc32c(0, slice)});
  }
  return true;
}

void LogWriter::stage_pages(Bytes pages) {
  Staging& staging = halves_[filling_];
  batch_->raw_octets += narrow(pages.size());
  staging.raw_octets += narrow(pages.size());
  Bytes& last = staging.parts.back();
  const bool adjoins =
      batch_->raw_octets > pages.size() && last.data() + last.size() == pages.data();
  if (adjoins) {
    last = Bytes(last.data(), last.size() + pages.size());
  } else {
    staging.parts.push_back(pages);
  }
}

template <class Payload>
std::expected<Appended, Refused> LogWriter::append_record(RecordType type, QueueId id,
                                                          const Payload& payload) {
  const std::size_t octets = encoded_octets(payload);
  const std::size_t staging_max = halves_[filling_].room.size() - block_octets;
  const std::size_t room_max = std::min<std::size_t>(staging_max, segment_octets_ - block_octets);
  if (octets > room_max - batch_header_octets - record_header_octets)
    return std::unexpected(Refused::TooLarge);
  if (!make_room(narrow(octets))) return std::unexpected(Refused::NoRoomNow);
  const MutableBytes room = place_record(type, id, narrow(octets));
  encode(payload, room);
  record_->header.payload_crc = crc32c(0, room);
  const Extent where{.segment = segment_->header.segment,
                     .offset = offset_of(record_->staged_at) + record_header_octets,
                     .length = narrow(octets),
                     .crc = record_->header.payload_crc};
  close_record();
  halves_[filling_].commit_wanted = true;
  return Appended{.ticket = ticket_, .where = where};
}

namespace {

// A Completed record says all in its header.
struct NoPayload {};
std::size_t encoded_octets(const NoPayload&) { return 0; }
void encode(const NoPayload&, MutableBytes) {}

}  // namespace

std::expected<Appended, Refused> LogWriter::append(QueueId id, const Envelope& envelope) {
  return append_record(RecordType::Envelope, id, envelope);
}

std::expected<Appended, Refused> LogWriter::append(QueueId id, const Outcome& outcome) {
  return append_record(RecordType::Outcome, id, outcome);
}

std::expected<Appended, Refused> LogWriter::append_completed(QueueId id) {
  return append_record(RecordType::Completed, id, NoPayload{});
}

// --- intents
// ----------------------------------------------------------------------------------------

bool LogWriter::is_due(Flush flush) const {
  const Staging& staging = halves_[filling_];
  return flush == Flush::Everything || staging.commit_wanted || pressed_ ||
         staging.used >= staging.room.size() / 2 ||
         staging.raw_octets >= raw_octets_per_intent_max_ / 2;
}

std::optional<WriteIntent> LogWriter::next_intent(Flush flush) {
  if (in_flight_ || is_empty() || !is_due(flush)) return std::nullopt;
  if (batch_) close_batch();
  Staging& staging = halves_[filling_];
  WriteIntent intent{.segment = segment_->header.segment,
                     .slot = segment_->slot,
                     .offset = staging.begin,
                     .octets = staging.end - staging.begin,
                     .parts = {},
                     .ticket = ticket_,
                     .commit_wanted = staging.commit_wanted};
  if (staging.begin == block_octets) {
    put_segment_header(staging);
    intent.offset = 0;
    intent.octets += block_octets;
  }
  intent.parts = staging.parts;
  segment_->end = staging.end;
  in_flight_ = InFlight{.segment = segment_->header.segment, .end = staging.end, .ticket = ticket_};
  ++ticket_;
  pressed_ = false;
  filling_ ^= 1;
  return intent;
}

// The first intent of a segment carries its header: block 0 of the half lies just before the first
// batch.
void LogWriter::put_segment_header(Staging& staging) {
  if (previous_) {
    segment_->header.previous = previous_->header.segment;
    segment_->header.previous_end = previous_->durable_end;
    segment_->header.previous_failed = previous_->failed;
  }
  encode(segment_->header, staging.room.first(block_octets));
  Bytes& first = staging.parts.front();
  CHECK(first.data() == staging.room.data() + block_octets);
  first = Bytes(staging.room.data(), first.size() + block_octets);
}

Settled LogWriter::completed(const std::expected<void, Fault>& result) {
  CHECK(in_flight_);
  const InFlight done = *in_flight_;
  in_flight_.reset();
  Staging& written = halves_[filling_ ^ 1];
  written = Staging{.room = written.room, .parts = std::move(written.parts)};
  written.parts.clear();
  OpenSegment& segment =
      segment_ && segment_->header.segment == done.segment ? *segment_ : *previous_;
  CHECK(segment.header.segment == done.segment);
  if (result) {
    segment.durable_end = done.end;
    durable_ticket_ = done.ticket;
    return {.first = done.ticket, .last = done.ticket, .durable = true};
  }
  const bool staged_too = !is_empty();
  fail(done.segment);
  const Ticket last = staged_too ? ticket_++ : done.ticket;
  return {.first = done.ticket, .last = last, .durable = false};
}

void LogWriter::fail(SegmentId segment) {
  ++epoch_;
  Staging& staging = halves_[filling_];
  staging = Staging{.room = staging.room, .parts = std::move(staging.parts)};
  staging.parts.clear();
  batch_.reset();
  record_.reset();
  pressed_ = false;
  if (segment_->header.segment == segment) {
    segment_->failed = true;
    previous_ = segment_;
    segment_.reset();
    return;
  }
  // The one after it had nothing but dropped batches yet and starts anew.
  previous_->failed = true;
  segment_->batches = 0;
  for (SealedSegment& sealed : sealed_)
    if (sealed.segment == segment) sealed.failed = true;
}

std::optional<SealedSegment> LogWriter::next_sealed() {
  if (sealed_.empty()) return std::nullopt;
  const SealedSegment sealed = sealed_.front();
  if (in_flight_ && in_flight_->segment == sealed.segment) return std::nullopt;
  sealed_.erase(sealed_.begin());
  return sealed;
}

}  // namespace ringpost::store
