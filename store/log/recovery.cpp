// Recovery: see recovery.h. Sans-IO; never fails, what cannot be used is listed in the result.
#include "store/log/recovery.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "proto/base/check.h"

namespace ringpost::store {

// --- one segment
// ------------------------------------------------------------------------------------

SegmentScan::SegmentScan(std::uint32_t slot, std::uint32_t segment_octets)
    : reader_(slot, segment_octets) {
  report_.slot = slot;
}

void SegmentScan::push(Bytes octets) {
  reader_.push(octets);
  while (const auto record = reader_.next_record()) take(*record);
}

void SegmentScan::take(const ReadRecord& record) {
  const QueueId id = record.header.id;
  std::uint64_t& id_max = report_.queue_id_max[id.core()];
  id_max = std::max(id_max, id.value);
  if (record.intent_begin > intent_begin_) {
    // A later intent proves that the ones before were whole: nothing of them is suspect any more.
    for (; suspected_from_ < report_.envelopes.size(); ++suspected_from_)
      report_.envelopes[suspected_from_].suspects = {};
    intent_begin_ = record.intent_begin;
  }
  if (record.header.type == RecordType::Envelope) {
    take_envelope(record);
  } else if (record.header.type == RecordType::Completed) {
    report_.completed.push_back({.id = id, .offset = record.where.offset});
  } else if (record.header.type == RecordType::Outcome) {
    if (const auto outcome = decode_outcome(record.payload))
      report_.outcomes.push_back({.id = id, .outcome = *outcome, .where = record.where});
    else
      report_.damage.push_back({.segment = record.where.segment,
                                .slot = report_.slot,
                                .begin = record.where.offset,
                                .end = record.where.offset + record.where.length,
                                .reason = DamageReason::Envelope});
  }
}

void SegmentScan::take_envelope(const ReadRecord& record) {
  const auto envelope = decode_envelope(record.payload);
  if (!envelope) {
    report_.damage.push_back({.segment = record.where.segment,
                              .slot = report_.slot,
                              .begin = record.where.offset,
                              .end = record.where.offset + record.where.length,
                              .reason = DamageReason::Envelope});
    return;
  }
  SegmentReport::FoundEnvelope found;
  found.message = summarize(record.header.id, *envelope, record.where);
  for (const Extent& extent : envelope->extents) {
    if (extent.segment == record.where.segment && extent.offset >= record.intent_begin)
      found.suspects.push_back(extent);
  }
  report_.envelopes.push_back(std::move(found));
}

SegmentReport SegmentScan::report() {
  report_.header = reader_.header();
  report_.segment = reader_.segment();
  report_.end = reader_.end();
  report_.last_intent_begin = reader_.last_intent_begin();
  if (intent_begin_ < report_.last_intent_begin)
    for (auto& found : report_.envelopes) found.suspects = {};
  report_.damage.insert(report_.damage.end(), reader_.damage().begin(), reader_.damage().end());
  return std::move(report_);
}

// --- all of them
// ------------------------------------------------------------------------------------

bool Recovery::Copy::operator<(const Copy& other) const {
  return std::tie(id, generation, segment, offset) <
         std::tie(other.id, other.generation, other.segment, other.offset);
}

void Recovery::add(SegmentReport report) {
  CHECK(!prepared_);
  reports_.push_back(std::move(report));
}

const std::vector<Extent>& Recovery::unverified() {
  prepare();
  return unverified_;
}

void Recovery::verified(std::size_t position, bool ok) {
  const Suspect& suspect = suspects_[position];
  answered_[position] = true;
  auto& found = reports_[suspect.report].envelopes[suspect.envelope];
  found.torn = found.torn || !ok;
}

void Recovery::prepare() {
  if (std::exchange(prepared_, true)) return;
  drop_twins();
  cut_void_ends();
  for (std::size_t r = 0; r < reports_.size(); ++r) {
    sort_damage(reports_[r]);
    for (std::size_t e = 0; e < reports_[r].envelopes.size(); ++e) {
      for (const Extent& extent : reports_[r].envelopes[e].suspects) {
        unverified_.push_back(extent);
        suspects_.push_back({.report = r, .envelope = e});
      }
    }
  }
  answered_.resize(unverified_.size());
}

// Two files with one id are none of our doing: a header that was written to the wrong place, or a
// file that somebody copied. The one that holds more is believed, the other is left unread.
void Recovery::drop_twins() {
  std::unordered_map<SegmentId, SegmentReport*> known;
  for (SegmentReport& report : reports_) {
    if (report.segment.value == 0) continue;
    SegmentReport*& first = known.try_emplace(report.segment, &report).first->second;
    if (first == &report) continue;
    SegmentReport* const twin = report.end > first->end ? std::exchange(first, &report) : &report;
    SegmentReport unread;
    unread.slot = twin->slot;
    unread.damage.push_back({.segment = twin->segment,
                             .slot = twin->slot,
                             .begin = 0,
                             .end = block_octets,
                             .reason = DamageReason::SegmentHeader});
    unread.last_intent_begin = block_octets;
    *twin = std::move(unread);
  }
}

// A successor says where its predecessor's acknowledged part ends, which makes that part certain.
void Recovery::cut_void_ends() {
  std::unordered_map<SegmentId, std::size_t> places;
  for (std::size_t r = 0; r < reports_.size(); ++r) places[reports_[r].segment] = r;
  for (const SegmentReport& successor : reports_) {
    if (!successor.header || successor.header->state != SegmentState::Active) continue;
    const auto place = places.find(successor.header->previous);
    if (place == places.end() || successor.header->previous.value == 0) continue;
    SegmentReport& report = reports_[place->second];
    if (report.header && report.header->state == SegmentState::Free) continue;
    cut(report, *successor.header);
  }
}

void Recovery::cut(SegmentReport& report, const SegmentHeader& successor) {
  const std::uint32_t end = successor.previous_end;
  std::erase_if(report.envelopes,
                [&](const auto& found) { return found.message.envelope.offset >= end; });
  std::erase_if(report.outcomes, [&](const auto& found) { return found.where.offset >= end; });
  std::erase_if(report.completed, [&](const auto& found) { return found.offset >= end; });
  for (auto& found : report.envelopes) found.suspects = {};
  if (report.end < end) {
    report.damage.push_back({.segment = report.segment,
                             .slot = report.slot,
                             .begin = report.end,
                             .end = end,
                             .reason = DamageReason::BatchHeader});
  }
  report.end = end;
  report.last_intent_begin = end;
  if (successor.previous_failed)
    spool_.reliances.push_back({.tombstone = successor.segment, .copy = report.segment});
}

void Recovery::sort_damage(const SegmentReport& report) {
  for (const Damage& damage : report.damage) {
    if (damage.begin < report.last_intent_begin)
      spool_.damaged.push_back(damage);
    else
      spool_.torn_octets += damage.end - damage.begin;
  }
}

RecoveredSpool Recovery::finish() {
  prepare();
  CHECK(std::ranges::all_of(answered_, [](bool answered) { return answered; }));
  list_segments();
  std::unordered_map<QueueId, std::vector<SegmentId>> tombstones;
  for (const SegmentReport& report : reports_)
    for (const auto& found : report.completed) tombstones[found.id].push_back(report.segment);
  Copies copies = list_copies();
  for (auto first = copies.begin(); first != copies.end();) {
    const auto last =
        std::find_if(first, copies.end(), [&](const Copy& copy) { return copy.id != first->id; });
    if (const auto tombstone = tombstones.find(first->id); tombstone != tombstones.end())
      bury(first, last, tombstone->second);
    else
      elect(first, last);
    first = last;
  }
  apply_outcomes();
  collect_errors();
  drop_missing();
  const auto order = [](const auto& reliance) {
    return std::tuple(reliance.tombstone, reliance.copy);
  };
  std::ranges::sort(spool_.reliances, {}, order);
  const auto repeated = std::ranges::unique(spool_.reliances, {}, order);
  spool_.reliances.erase(repeated.begin(), repeated.end());
  return std::move(spool_);
}

void Recovery::list_segments() {
  for (const SegmentReport& report : reports_) {
    RecoveredSegment& segment = spool_.segments.emplace_back();
    segment.slot = report.slot;
    segment.segment = report.segment;
    segment.end = report.end;
    spool_.segment_max = std::max(spool_.segment_max, report.segment);
    for (std::size_t core = 0; core < std::size(report.queue_id_max); ++core)
      spool_.queue_id_max[core] = std::max(spool_.queue_id_max[core], report.queue_id_max[core]);
    if (report.header) {
      segment.log = report.header->log;
      spool_.segment_max = std::max(spool_.segment_max, report.header->previous);
      const bool free = report.header->state == SegmentState::Free;
      segment.state = free ? SlotState::Free : SlotState::Sealed;
    } else if (report.segment.value != 0) {
      segment.state = SlotState::Sealed;
    } else if (!report.damage.empty()) {
      segment.state = SlotState::Unreadable;
    }
  }
  std::ranges::sort(spool_.segments, {}, &RecoveredSegment::slot);
}

Recovery::Copies Recovery::list_copies() {
  Copies copies;
  for (SegmentReport& report : reports_) {
    for (auto& found : report.envelopes) {
      spool_.torn_envelopes += found.torn;
      copies.push_back({.id = found.message.id,
                        .generation = found.message.generation,
                        .segment = report.segment,
                        .offset = found.message.envelope.offset,
                        .message = &found.message,
                        .torn = found.torn});
    }
  }
  std::ranges::sort(copies, [](const Copy& a, const Copy& b) { return a < b; });
  return copies;
}

// The newest copy that is whole lives; the others are remembered, for they must be killed too.
void Recovery::elect(Copies::iterator first, Copies::iterator last) {
  auto best = last;
  for (auto copy = first; copy != last; ++copy)
    if (!copy->torn) best = copy;
  if (best == last) return;
  MessageSummary& message = spool_.messages.emplace_back(std::move(*best->message));
  for (auto copy = first; copy != last; ++copy) add_copy(message, copy->segment);
}

void Recovery::bury(Copies::iterator first, Copies::iterator last,
                    const std::vector<SegmentId>& tombstones) {
  for (auto copy = first; copy != last; ++copy)
    for (const SegmentId tombstone : tombstones)
      if (tombstone != copy->segment)
        spool_.reliances.push_back({.tombstone = tombstone, .copy = copy->segment});
}

void Recovery::apply_outcomes() {
  // elect() went through the copies in the order of their ids.
  DCHECK(std::ranges::is_sorted(spool_.messages, {}, &MessageSummary::id));
  for (const SegmentReport& report : reports_) {
    for (const auto& found : report.outcomes) {
      const auto message =
          std::ranges::lower_bound(spool_.messages, found.id, {}, &MessageSummary::id);
      if (message == spool_.messages.end() || message->id != found.id) continue;
      if (found.outcome.recipient >= message->recipients.size()) continue;
      merge(message->recipients[found.outcome.recipient], found.outcome.progress);
      add_use(message->uses,
              {.segment = report.segment, .octets = found.where.length, .outcome = true});
    }
  }
}

// The text of the outcome that is a recipient's present progress.
void Recovery::collect_errors() {
  for (SegmentReport& report : reports_) {
    for (auto& found : report.outcomes) {
      if (found.outcome.text.empty() || is_final(found.outcome.progress.status)) continue;
      const auto message =
          std::ranges::lower_bound(spool_.messages, found.id, {}, &MessageSummary::id);
      if (message == spool_.messages.end() || message->id != found.id) continue;
      const std::uint32_t recipient = found.outcome.recipient;
      if (recipient >= message->recipients.size() ||
          message->recipients[recipient] != found.outcome.progress)
        continue;
      spool_.errors.push_back(
          {.id = found.id, .recipient = recipient, .text = std::move(found.outcome.text)});
    }
  }
}

// Content in a segment that is not there (any more) is lost; the message is kept, for its Envelope
// tells whom to tell.
void Recovery::drop_missing() {
  std::unordered_map<SegmentId, std::uint32_t> slots;
  for (const RecoveredSegment& segment : spool_.segments)
    if (segment.state == SlotState::Sealed) slots[segment.segment] = segment.slot;
  for (MessageSummary& message : spool_.messages) {
    const auto missing = [&](const SegmentUse& use) { return !slots.contains(use.segment); };
    if (std::erase_if(message.uses, missing) == 0) continue;
    const Extent& envelope = message.envelope;
    spool_.damaged.push_back({.segment = envelope.segment,
                              .slot = slots[envelope.segment],
                              .begin = envelope.offset,
                              .end = envelope.offset + envelope.length,
                              .reason = DamageReason::Content});
  }
}

}  // namespace ringpost::store
