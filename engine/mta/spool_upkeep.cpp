// Upkeep of the spool: see spool_upkeep.h.
#include "engine/mta/spool_upkeep.h"

#include <algorithm>

#include "engine/mta/spool_wait.h"
#include "store/log/cleaner.h"

namespace ringpost::mta {
namespace {

constexpr Duration look_interval = seconds(1);
constexpr Duration retry_after_fault = seconds(1);
// Free segments below which cleaning is worth any copying, when no more files can be made.
constexpr std::uint32_t free_segments_min_when_full = 4;

bool uses_segment(const store::MessageSummary& message, store::SegmentId segment) {
  return std::ranges::any_of(message.uses, [&](const store::SegmentUse& use) {
    return use.segment == segment && use.octets > 0;
  });
}

}  // namespace

SpoolUpkeep::SpoolUpkeep(WorkerParts& parts, SegmentStore& segments, store::Index& index,
                         const SpoolUpkeepOptions& options)
    : parts_(parts), segments_(segments), index_(index), options_(options) {}

SpoolUpkeep::~SpoolUpkeep() { parts_.core.timers().disarm(timer_); }

void SpoolUpkeep::start() { parts_.core.timers().arm(timer_, parts_.core.now() + look_interval); }

void SpoolUpkeep::stop() {
  stopping_ = true;
  parts_.core.timers().disarm(timer_);
}

void SpoolUpkeep::run_due() {
  while (const auto sealed = parts_.spooler->next_sealed()) index_.seal(*sealed);
  // Not while the daemon stops: what fails then is offered again at once and would never end.
  // Recovery finds the same segments to be free.
  while (const auto segment = stopping_ ? std::nullopt : index_.next_freeable())
    ring::Task<void>::spawn(scope_, free_segment(*segment));
  while (const auto segment = index_.next_released()) {
    const auto found = borrowed_.find(*segment);
    CHECK(found != borrowed_.end());
    tell(*all_[found->second], *segment, false);
    borrowed_.erase(found);
  }
}

void SpoolUpkeep::tell(SpoolUpkeep& other, store::SegmentId segment, bool freed) {
  if (&other == this) return;
  other.parts_.core.post(*new Note(other, segment, freed));
}

void SpoolUpkeep::Note::arrived(ring::Message& message) {
  const std::unique_ptr<Note> note(static_cast<Note*>(&message));
  if (note->freed) {
    note->target.index_.freed(note->segment);
  } else {
    note->target.index_.return_lease(note->segment);
  }
}

// The Free header is durable before anybody relies on it: before the slot is given away, and before
// segments that hold the tombstones of what was in here may go in their turn.
ring::Task<void> SpoolUpkeep::free_segment(store::SegmentId segment) {
  const disk::DirectFile* file = segments_.file_of(segment);
  CHECK(file != nullptr);
  const auto buffer = buffers_.borrow();
  bool done = false;
  if (buffer) {
    store::SegmentHeader header;
    header.state = store::SegmentState::Free;
    header.log = parts_.core.index();
    header.segment = segment;
    header.octets = static_cast<std::uint32_t>(file->bytes());
    header.opened = parts_.core.wall();
    const MutableBytes block = buffer->room().first(store::block_octets);
    store::encode(header, block);
    iovec part{block.data(), block.size()};
    const auto written =
        co_await disk::write_durably(parts_.core.ring(), *file, 0, std::span(&part, 1));
    done = written.has_value();
    if (!done)
      parts_.events.emit(parts_.core.wall(),
                         observe::FaultSeen{.where = "free segment", .fault = written.error()});
  }
  if (!done) {
    if (!stopping_) co_await ring::Pause(parts_.core, retry_after_fault);
    index_.free_failed(segment);
    co_return;
  }
  index_.freed(segment);
  for (SpoolUpkeep* other : all_) tell(*other, segment, true);
  segments_.release(segment);
  parts_.metrics.spool.segments_recycled.add();
}

void SpoolUpkeep::note_figures() {
  std::uint64_t used = 0;
  std::uint64_t live_octets = 0;
  for (const store::Index::SegmentFigures& figures : index_.figures()) {
    if (!figures.owned) continue;
    ++used;
    live_octets += figures.live_octets;
  }
  observe::SpoolMetrics& metrics = parts_.metrics.spool;
  metrics.segments_used.set(used);
  metrics.live_octets.set(live_octets);
  if (parts_.core.index() == 0) metrics.segments_ready.set(segments_.ready());
}

void SpoolUpkeep::look_for_work() {
  start();
  note_figures();
  if (cleaning_ || stopping_) return;
  cleaning_ = true;
  ring::Task<void>::spawn(scope_, clean());
}

std::vector<QueueId> SpoolUpkeep::messages_in(store::SegmentId segment) const {
  std::vector<QueueId> ids;
  std::size_t cursor = 0;
  do {
    cursor = index_.visit(cursor, 4096, [&](const store::MessageSummary& message) {
      if (uses_segment(message, segment)) ids.push_back(message.id);
    });
  } while (cursor != 0);
  return ids;
}

ring::Task<void> SpoolUpkeep::clean() {
  store::CleanerLimits limits;
  limits.free_segments_min = segments_.last_fault() ? free_segments_min_when_full : 0;
  const auto segment = choose_to_clean(index_, segments_.ready(),
                                       segments_.options().segment_octets, limits, put_off());
  if (segment) {
    for (const QueueId id : messages_in(*segment)) {
      if (stopping_) break;
      const Moved moved = co_await relocate(id, *segment);
      if (moved == Moved::Unreadable) put_off_[*segment] = parts_.core.now() + options_.put_off_for;
      if (moved != Moved::Done) break;
    }
  }
  cleaning_ = false;
}

// Attempts report what cannot be read; here it must not keep other segments from their turn.
std::set<store::SegmentId> SpoolUpkeep::put_off() {
  std::erase_if(put_off_, [this](const auto& entry) {
    return entry.second <= parts_.core.now() || segments_.file_of(entry.first) == nullptr;
  });
  std::set<store::SegmentId> segments;
  for (const auto& [segment, until] : put_off_) segments.insert(segment);
  return segments;
}

// Copies what of the message lies in `from`, then commits an Envelope of the next generation.
ring::Task<SpoolUpkeep::Moved> SpoolUpkeep::relocate(QueueId id, store::SegmentId from) {
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr || !uses_segment(*message, from)) co_return Moved::Done;
  ContentLeases leases(index_);
  leases.hold(from);
  const std::uint32_t epoch = parts_.spooler->epoch();
  const auto found = co_await parts_.dispatcher->envelope_of(id);
  if (!found) co_return Moved::Unreadable;
  store::Envelope envelope = **found;
  std::vector<store::Extent> extents;
  for (const store::Extent& extent : envelope.extents) {
    if (extent.segment != from) {
      extents.push_back(extent);
      continue;
    }
    const Moved copied = co_await copy_extent(id, extent, extents, leases);
    if (copied != Moved::Done) co_return copied;
  }
  envelope.extents = std::move(extents);
  if (epoch != parts_.spooler->epoch()) co_return Moved::NotNow;
  const bool committed = co_await commit_copy(id, std::move(envelope));
  co_return committed ? Moved::Done : Moved::NotNow;
}

ring::Task<bool> SpoolUpkeep::commit_copy(QueueId id, store::Envelope envelope) {
  // Told by the index again: attempts went on while content was copied, or the message is done
  // with.
  const store::MessageSummary* present = index_.find(id);
  if (present == nullptr || parts_.dispatcher->is_completing(id)) co_return true;
  store::apply_progress(*present, envelope);
  ++envelope.generation;
  AwaitedCommit commit;
  const auto appended = parts_.spooler->append(id, envelope, commit);
  if (!appended) co_return false;
  index_.note_copy(id, appended->where.segment);
  co_await commit.settled;
  if (!commit.durable) co_return false;
  if (index_.find(id) != nullptr)
    parts_.dispatcher->relocated(store::summarize(id, envelope, appended->where));
  parts_.metrics.spool.relocated_messages.add();
  co_return true;
}

ring::Task<SpoolUpkeep::Moved> SpoolUpkeep::copy_extent(QueueId id, const store::Extent& extent,
                                                        std::vector<store::Extent>& target,
                                                        ContentLeases& leases) {
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return Moved::NotNow;
  ContentReader reader(parts_.core.ring(), segments_, buffer->room(), std::span(&extent, 1));
  while (true) {
    const auto piece = co_await reader.next();
    if (!piece) co_return Moved::Unreadable;
    if (piece->empty()) co_return Moved::Done;
    const bool appended = co_await append_piece(id, *piece, target, leases);
    if (!appended) co_return Moved::NotNow;
  }
}

ring::Task<bool> SpoolUpkeep::append_piece(QueueId id, MutableBytes piece,
                                           std::vector<store::Extent>& target,
                                           ContentLeases& leases) {
  Bytes rest = piece;
  while (true) {
    const std::size_t taken = parts_.spooler->append_content(id, rest, {}, target);
    leases.hold_last(target);
    parts_.metrics.spool.relocated_octets.add(taken);
    rest = rest.subspan(taken);
    if (rest.empty()) co_return true;
    if (!parts_.spooler->accepting()) co_return false;
    AwaitedRoom waiter;
    parts_.spooler->wait_for_room(waiter);
    co_await waiter.room;
  }
}

}  // namespace ringpost::mta
