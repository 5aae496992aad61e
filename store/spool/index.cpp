// Index: see index.h. Sans-IO; a record of an unknown message is ignored, a wrong order of calls is
// a CHECK.
#include "store/spool/index.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace ringpost::store {

// --- segments
// ---------------------------------------------------------------------------------------

void Index::add_segment(SegmentId segment, bool owned) {
  Segment& added = segments_[segment];
  added.added = true;
  added.owned = owned;
}

void Index::seal(const SealedSegment& sealed) {
  // What a failed write left in the segment is void because the successor's header says so: that
  // header must stay as long as the segment.
  if (sealed.failed) rely(sealed.successor, sealed.segment);
  seal_recovered(sealed.segment);
}

void Index::seal_recovered(SegmentId segment) {
  segments_[segment].sealed = true;
  consider(segment);
}

void Index::rely(SegmentId tombstone, SegmentId copy) {
  if (tombstone == copy) return;
  std::vector<SegmentId>& relies_on = segments_[tombstone].relies_on;
  if (std::ranges::find(relies_on, copy) == relies_on.end()) relies_on.push_back(copy);
}

void Index::lease(SegmentId segment) { ++segments_[segment].leases; }

void Index::return_lease(SegmentId segment) {
  Segment& leased = segments_[segment];
  CHECK(leased.leases > 0);
  --leased.leases;
  consider(segment);
}

bool Index::is_idle(const Segment& segment) { return segment.users == 0 && segment.leases == 0; }

bool Index::may_go(const Segment& segment) {
  if (!is_idle(segment)) return false;
  return !segment.owned || (segment.sealed && segment.relies_on.empty());
}

void Index::consider(SegmentId id) {
  Segment& segment = segments_[id];
  if (!segment.added || segment.offered || !may_go(segment)) return;
  segment.offered = true;
  (segment.owned ? freeable_ : released_).push_back(id);
}

// An offer may have been overtaken by a lease.
std::optional<SegmentId> Index::next_of(std::vector<SegmentId>& offers) {
  while (!offers.empty()) {
    const SegmentId id = offers.back();
    offers.pop_back();
    const auto place = segments_.find(id);
    if (place == segments_.end()) continue;
    if (may_go(place->second)) return id;
    place->second.offered = false;
  }
  return std::nullopt;
}

std::optional<SegmentId> Index::next_freeable() { return next_of(freeable_); }

std::optional<SegmentId> Index::next_released() { return next_of(released_); }

void Index::freed(SegmentId segment) {
  const auto place = segments_.find(segment);
  if (place != segments_.end()) {
    CHECK(is_idle(place->second));
    segments_.erase(place);
  }
  for (auto& [id, other] : segments_) {
    if (std::erase(other.relies_on, segment) > 0) consider(id);
  }
}

void Index::free_failed(SegmentId segment) {
  segments_[segment].offered = false;
  consider(segment);
}

// --- messages
// ---------------------------------------------------------------------------------------

void Index::occupy(const std::vector<SegmentUse>& uses) {
  for (const SegmentUse& use : uses) {
    if (use.octets == 0) continue;
    Segment& segment = segments_[use.segment];
    segment.live_octets += use.octets;
    ++segment.users;
  }
}

void Index::vacate(const std::vector<SegmentUse>& uses) {
  for (const SegmentUse& use : uses) {
    if (use.octets == 0) continue;
    Segment& segment = segments_[use.segment];
    segment.live_octets -= use.octets;
    --segment.users;
    consider(use.segment);
  }
}

std::uint64_t Index::count_pending(const MessageSummary& message) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      message.recipients,
      [](const RecipientProgress& progress) { return !is_final(progress.status); }));
}

void Index::insert(MessageSummary message) {
  CHECK(message.id.value != 0);
  if (const auto known = places_.find(message.id); known != places_.end()) {
    replace(messages_[known->second], std::move(message));
    return;
  }
  occupy(message.uses);
  // Copies may lie in segments that nothing else names here; they are on the disk until freed().
  for (const SegmentId copy : message.copies) segments_.try_emplace(copy);
  pending_recipients_ += count_pending(message);
  if (vacant_.empty()) {
    places_[message.id] = static_cast<std::uint32_t>(messages_.size());
    messages_.push_back(std::move(message));
  } else {
    places_[message.id] = vacant_.back();
    messages_[vacant_.back()] = std::move(message);
    vacant_.pop_back();
  }
}

void Index::replace(MessageSummary& known, MessageSummary message) {
  CHECK(message.generation > known.generation);
  CHECK(message.recipients.size() == known.recipients.size());
  bool overtaken = false;  // the log knows more than the new Envelope: keep those outcomes
  for (std::size_t i = 0; i < known.recipients.size(); ++i) {
    const RecipientProgress written = message.recipients[i];
    merge(message.recipients[i], known.recipients[i]);
    overtaken = overtaken || message.recipients[i] != written;
  }
  for (const SegmentUse& use : known.uses) {
    if (use.outcome && overtaken) add_use(message.uses, use);
  }
  for (const SegmentId copy : known.copies) add_copy(message, copy);
  add_copy(message, known.envelope.segment);
  std::erase_if(message.copies, [&](SegmentId copy) { return !segments_.contains(copy); });
  pending_recipients_ += count_pending(message);
  pending_recipients_ -= count_pending(known);
  occupy(message.uses);
  const std::vector<SegmentUse> former = std::exchange(known, std::move(message)).uses;
  vacate(former);
}

void Index::note_copy(QueueId id, SegmentId segment) {
  if (const auto place = places_.find(id); place != places_.end())
    add_copy(messages_[place->second], segment);
}

bool Index::apply(QueueId id, const Outcome& outcome, const Extent& where) {
  const auto place = places_.find(id);
  if (place == places_.end()) return false;
  MessageSummary& message = messages_[place->second];
  if (outcome.recipient >= message.recipients.size()) return false;
  RecipientProgress& progress = message.recipients[outcome.recipient];
  const bool was_pending = !is_final(progress.status);
  merge(progress, outcome.progress);
  if (was_pending && is_final(progress.status)) --pending_recipients_;
  const std::vector<SegmentUse> use{
      {.segment = where.segment, .octets = where.length, .outcome = true}};
  const auto known = std::ranges::find_if(message.uses, [&](const SegmentUse& other) {
    return other.outcome && other.segment == where.segment;
  });
  if (known != message.uses.end()) {
    known->octets += where.length;
    segments_[where.segment].live_octets += where.length;
  } else {
    message.uses.push_back(use.front());
    occupy(use);
  }
  return true;
}

void Index::complete(QueueId id, SegmentId segment) {
  const auto place = places_.find(id);
  if (place == places_.end()) return;
  MessageSummary& message = messages_[place->second];
  rely(segment, message.envelope.segment);
  for (const SegmentId copy : message.copies)
    if (segments_.contains(copy)) rely(segment, copy);  // the others are free: ids never come back
  pending_recipients_ -= count_pending(message);
  const MessageSummary former = std::exchange(message, MessageSummary{});
  vacant_.push_back(place->second);
  places_.erase(place);
  vacate(former.uses);
}

const MessageSummary* Index::find(QueueId id) const {
  const auto place = places_.find(id);
  return place == places_.end() ? nullptr : &messages_[place->second];
}

// --- figures for the cleaner
// ------------------------------------------------------------------------

std::vector<Index::SegmentFigures> Index::figures() const {
  std::unordered_map<SegmentId, std::uint32_t> waiters;
  for (const auto& [id, segment] : segments_) {
    if (is_idle(segment) && segment.sealed && segment.relies_on.size() == 1)
      ++waiters[segment.relies_on.front()];
  }
  std::vector<SegmentFigures> figures;
  for (const auto& [id, segment] : segments_) {
    const auto waiting = waiters.find(id);
    figures.push_back({.segment = id,
                       .live_octets = segment.live_octets,
                       .sealed = segment.sealed,
                       .owned = segment.owned,
                       .relied_on_by = waiting == waiters.end() ? 0 : waiting->second});
  }
  std::ranges::sort(figures, {}, &SegmentFigures::segment);
  return figures;
}

}  // namespace ringpost::store
