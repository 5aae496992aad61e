// SpoolWorld: see spool_world.h. Deterministic in its seed.
#include "tests/sim/spool_world.h"

#include <algorithm>

#include "proto/base/check.h"
#include "store/log/cleaner.h"

namespace ringpost::sim {

using store::LogWriter;
using store::SegmentId;

SpoolWorld::SpoolWorld(const WorldOptions& options, std::uint64_t seed, std::uint32_t log,
                       Disk& disk, Ledger& ledger)
    : options_(options),
      random_(seed),
      disk_(disk),
      ledger_(ledger),
      staging_memory_(options.staging_octets + store::block_octets) {
  const auto address = reinterpret_cast<std::uintptr_t>(staging_memory_.data());
  const std::size_t skip =
      (store::block_octets - address % store::block_octets) % store::block_octets;
  store::WriterSetup setup;
  setup.log = log;
  setup.segment_octets = options.segment_octets;
  setup.staging = MutableBytes(staging_memory_).subspan(skip, options.staging_octets);
  setup.raw_octets_per_intent_max = options.raw_octets_max;
  setup.parts_per_intent_max = 8;
  writer_.emplace(setup);
  adopt(recover(disk));
}

void SpoolWorld::adopt(Recovered recovered) {
  slots_ = std::move(recovered.slots);
  next_segment_ = recovered.spool.segment_max.value + 1;
  for (const std::uint64_t id : recovered.spool.queue_id_max) next_id_ = std::max(next_id_, id + 1);
  for (const auto& [id, promise] : ledger_) next_id_ = std::max(next_id_, id.value + 1);
  for (const store::RecoveredSegment& segment : recovered.spool.segments) {
    if (segment.state == store::SlotState::Sealed)
      index_.add_segment(segment.segment, true);
    else
      free_slots_.push_back(segment.slot);
  }
  for (const auto& reliance : recovered.spool.reliances)
    index_.rely(reliance.tombstone, reliance.copy);
  for (store::MessageSummary& message : recovered.spool.messages) {
    Promise& promise = ledger_.at(message.id);
    promise.accepted = true;
    promise.may_be_gone = false;
    promise.acknowledged = message.recipients;
    index_.insert(std::move(message));
  }
  // What recovery did not find is gone for good: it may not come back later.
  for (auto& [id, promise] : ledger_)
    if (index_.find(id) == nullptr) promise.buried = true;
  for (const store::RecoveredSegment& segment : recovered.spool.segments)
    if (segment.state == store::SlotState::Sealed) index_.seal_recovered(segment.segment);
}

void SpoolWorld::step() {
  supply_segment();
  const unsigned choice = pick(100);
  if (choice < 18 && under_way_) {
    end_write();
  } else if (choice < 30) {
    start_write(choice < 20);
  } else if (choice < 40) {
    open_draft();
  } else if (choice < 65 && !drafts_.empty()) {
    feed(drafts_[pick(static_cast<unsigned>(drafts_.size()))]);
  } else if (choice < 67 && !drafts_.empty()) {
    drop(pick(static_cast<unsigned>(drafts_.size())));
  } else if (choice < 80) {
    try_recipient();
  } else if (choice < 92) {
    bury();
  } else if (choice < 96) {
    relocate();
  } else {
    free_segments();
  }
}

void SpoolWorld::supply_segment() {
  if (!writer_->needs_segment() || free_slots_.empty()) return;
  const SegmentId segment{next_segment_++};
  const std::uint32_t slot = free_slots_.front();
  free_slots_.erase(free_slots_.begin());
  slots_[segment] = slot;
  index_.add_segment(segment, true);
  writer_->provide_segment(
      {.slot = slot, .segment = segment, .life = random_(), .opened = WallTime{1}});
}

// --- messages
// ---------------------------------------------------------------------------------------

void SpoolWorld::open_draft() {
  if (drafts_.size() >= options_.drafts_max || index_.size() >= options_.messages_max) return;
  Draft draft;
  draft.id = QueueId{next_id_++};
  const unsigned octets = pick(4) == 0 ? pick(options_.content_octets_max) : pick(600);
  draft.content = fmt::format("message {} ", to_text(draft.id));
  while (draft.content.size() < octets) draft.content += static_cast<char>('a' + random_() % 26);
  draft.epoch = writer_->epoch();
  draft.envelope.reverse_path = "sender@example.org";
  draft.envelope.recipients.resize(1 + pick(3));
  for (auto& recipient : draft.envelope.recipients) recipient.accepted_address = "user@example.net";
  ledger_[draft.id] = Promise{
      .content = draft.content, .recipients = draft.envelope.recipients.size(), .acknowledged = {}};
  drafts_.push_back(std::move(draft));
}

void SpoolWorld::feed(Draft& draft) {
  const auto left = static_cast<unsigned>(draft.content.size() - draft.written);
  if (left == 0) {
    finish(draft);
    return;
  }
  const Bytes octets = bytes_of(draft.content).subspan(draft.written, 1 + pick(left));
  const std::size_t known = draft.extents.size();
  if (octets.size() > 3'000 || pick(4) == 0) {
    if (octets.size() <= options_.raw_octets_max / 2 && feed_pages(draft, octets))
      draft.written += octets.size();
  } else {
    draft.written += writer_->append_content(draft.id, octets, draft.extents);
  }
  lease_new(draft, known);
}

// The content lies somewhere inside of whole pages, as a receive buffer has it.
bool SpoolWorld::feed_pages(Draft& draft, Bytes octets) {
  const std::size_t before = pick(2) == 0 ? 0 : pick(2'000);
  const std::size_t pages =
      store::round_up_to_block(static_cast<std::uint32_t>(before + octets.size()));
  auto memory =
      std::make_shared<std::vector<std::byte>>(pages + store::block_octets, std::byte{'#'});
  const auto address = reinterpret_cast<std::uintptr_t>(memory->data());
  const std::size_t skip =
      (store::block_octets - address % store::block_octets) % store::block_octets;
  const MutableBytes room = MutableBytes(*memory).subspan(skip, pages);
  std::ranges::copy(octets, room.begin() + static_cast<std::ptrdiff_t>(before));
  if (!writer_->append_pages(room, room.subspan(before, octets.size()), draft.extents))
    return false;
  pages_.push_back(std::move(memory));
  return true;
}

void SpoolWorld::lease_new(Draft& draft, std::size_t known) {
  for (; known < draft.extents.size(); ++known) {
    index_.lease(draft.extents[known].segment);
    draft.leased.push_back(draft.extents[known].segment);
  }
}

void SpoolWorld::finish(Draft& draft) {
  const auto at = static_cast<std::size_t>(&draft - drafts_.data());
  draft.envelope.extents = draft.extents;
  if (draft.relocated) {
    // Only what is live and not on its way out may be written again.
    const store::MessageSummary* message = index_.find(draft.id);
    if (message == nullptr || std::ranges::count(burying_, draft.id) > 0) {
      drop(at);
      return;
    }
    apply_progress(*message, draft.envelope);
  }
  const auto appended = writer_->append(draft.id, draft.envelope);
  if (!appended) {
    CHECK(appended.error() == store::Refused::NoRoomNow);
    return;
  }
  index_.note_copy(draft.id, appended->where.segment);
  awaited_.push_back({.ticket = appended->ticket,
                      .id = draft.id,
                      .kind = Awaited::Kind::Envelope,
                      .where = appended->where,
                      .envelope = std::move(draft.envelope),
                      .outcome = {},
                      .leased = std::move(draft.leased)});
  drafts_.erase(drafts_.begin() + static_cast<std::ptrdiff_t>(at));
}

void SpoolWorld::drop(std::size_t at) {
  for (const SegmentId segment : drafts_[at].leased) index_.return_lease(segment);
  drafts_.erase(drafts_.begin() + static_cast<std::ptrdiff_t>(at));
}

void SpoolWorld::drop_void_drafts() {
  for (std::size_t at = drafts_.size(); at-- > 0;)
    if (drafts_[at].epoch != writer_->epoch()) drop(at);
}

void SpoolWorld::try_recipient() {
  std::vector<QueueId> ids;
  index_.visit(0, 1'000, [&](const store::MessageSummary& message) {
    if (message.any_pending()) ids.push_back(message.id);
  });
  if (ids.empty()) return;
  std::ranges::sort(ids);
  const store::MessageSummary& message = *index_.find(ids[pick(static_cast<unsigned>(ids.size()))]);
  store::Outcome outcome;
  outcome.recipient = pick(static_cast<unsigned>(message.recipients.size()));
  outcome.progress = message.recipients[outcome.recipient];
  if (is_final(outcome.progress.status)) return;
  if (pick(20) == 0) {
    ++outcome.progress.hold_changes;  // the operator's
  } else {
    ++outcome.progress.attempts;
    outcome.progress.status =
        pick(3) == 0 ? store::DeliveryStatus::Delayed : store::DeliveryStatus::Delivered;
  }
  const auto appended = writer_->append(message.id, outcome);
  if (!appended) return;
  awaited_.push_back({.ticket = appended->ticket,
                      .id = message.id,
                      .kind = Awaited::Kind::Outcome,
                      .where = appended->where,
                      .envelope = {},
                      .outcome = outcome,
                      .leased = {}});
}

void SpoolWorld::bury() {
  std::vector<QueueId> ids;
  index_.visit(0, 1'000, [&](const store::MessageSummary& message) {
    if (!message.any_pending() && std::ranges::count(burying_, message.id) == 0)
      ids.push_back(message.id);
  });
  if (ids.empty()) return;
  const QueueId id = *std::ranges::min_element(ids);
  const auto appended = writer_->append_completed(id);
  if (!appended) return;
  ledger_.at(id).may_be_gone = true;
  burying_.push_back(id);
  awaited_.push_back({.ticket = appended->ticket,
                      .id = id,
                      .kind = Awaited::Kind::Completed,
                      .where = appended->where,
                      .envelope = {},
                      .outcome = {},
                      .leased = {}});
}

// Opens drafts that write the survivors of one segment again.
void SpoolWorld::relocate() {
  if (drafts_.size() >= options_.drafts_max) return;
  const auto victim = choose_to_clean(index_, static_cast<std::uint32_t>(free_slots_.size()),
                                      options_.segment_octets, {.free_segments_min = 3});
  if (!victim) return;
  const store::MessageSummary* survivor = nullptr;
  index_.visit(0, 1'000, [&](const store::MessageSummary& message) {
    const bool busy = std::ranges::count(burying_, message.id) > 0 ||
                      std::ranges::count(drafts_, message.id, &Draft::id) > 0 ||
                      std::ranges::count(awaited_, message.id, &Awaited::id) > 0;
    const bool there = std::ranges::any_of(message.uses, [&](const store::SegmentUse& use) {
      return use.segment == *victim && use.octets > 0;
    });
    if (there && !busy && survivor == nullptr) survivor = &message;
  });
  if (survivor == nullptr) return;
  const auto loaded = load(disk_, slots_, *survivor);
  CHECK(loaded);
  Draft draft;
  draft.id = survivor->id;
  draft.content = loaded->content;
  draft.epoch = writer_->epoch();
  draft.relocated = *survivor;
  draft.envelope = loaded->envelope;
  draft.envelope.generation = survivor->generation + 1;
  drafts_.push_back(std::move(draft));
  ++relocations_;
}

// --- writes
// -----------------------------------------------------------------------------------------

void SpoolWorld::start_write(bool everything) {
  if (under_way_) return;
  const auto intent = writer_->next_intent(everything ? LogWriter::Flush::Everything
                                                      : LogWriter::Flush::WhenWanted);
  if (intent) under_way_ = write_of(*intent);
}

void SpoolWorld::end_write() {
  const Write write = std::move(*under_way_);
  under_way_.reset();
  if (freeing_) {
    disk_.put(write);
    index_.freed(*freeing_);
    slots_.erase(*freeing_);
    free_slots_.push_back(write.slot);
    freeing_.reset();
    ++freed_segments_;
    return;
  }
  if (pick(100) >= options_.write_failures_percent) {
    disk_.put(write);
    settle(writer_->completed({}));
  } else {
    disk_.put(write, [&](std::uint32_t) { return pick(2) == 0; });
    ++failures_;
    settle(writer_->completed(std::unexpected(Fault{.operation = "write", .code = 5})));
    drop_void_drafts();
  }
  while (const auto sealed = writer_->next_sealed()) index_.seal(*sealed);
}

void SpoolWorld::settle(const store::Settled& settled) {
  for (Awaited& awaited : awaited_) {
    if (awaited.ticket > settled.last) continue;
    CHECK(awaited.ticket >= settled.first);
    if (settled.durable) enter(awaited);
    for (const SegmentId segment : awaited.leased) index_.return_lease(segment);
    if (awaited.kind == Awaited::Kind::Completed) std::erase(burying_, awaited.id);
  }
  std::erase_if(awaited_, [&](const Awaited& awaited) { return awaited.ticket <= settled.last; });
}

void SpoolWorld::enter(Awaited& awaited) {
  Promise& promise = ledger_.at(awaited.id);
  if (awaited.kind == Awaited::Kind::Envelope) {
    index_.insert(summarize(awaited.id, awaited.envelope, awaited.where));
    promise.accepted = true;
  } else if (awaited.kind == Awaited::Kind::Outcome) {
    CHECK(index_.apply(awaited.id, awaited.outcome, awaited.where));
    promise.acknowledged = index_.find(awaited.id)->recipients;
  } else {
    index_.complete(awaited.id, awaited.where.segment);
    promise.buried = true;
  }
}

void SpoolWorld::free_segments() {
  if (under_way_) return;
  const auto segment = index_.next_freeable();
  if (!segment) return;
  store::SegmentHeader header;
  header.state = store::SegmentState::Free;
  header.segment = *segment;
  header.octets = options_.segment_octets;
  Write write{.slot = slots_.at(*segment), .offset = 0, .octets = {}};
  write.octets.resize(store::block_octets);
  encode(header, write.octets);
  freeing_ = *segment;
  under_way_ = std::move(write);
}

}  // namespace ringpost::sim
