// Spooler: see spooler.h. The ordering that makes a 250 true: a commit is told "durable" only from
// completed() of the intent that carried its record, and that only after the whole write returned
// with RWF_DSYNC.
#include "engine/mta/spooler.h"

#include <algorithm>

namespace ringpost::mta {
namespace {

constexpr std::size_t page_bytes = store::block_octets;
constexpr std::size_t early_write_octets = std::size_t{256} * 1024;

// The whole pages of `buffer` that `slice` touches. They belong to the buffer even behind its last
// octet.
Bytes pages_around(Bytes slice, Bytes buffer) {
  const auto offset = static_cast<std::size_t>(slice.data() - buffer.data());
  const std::size_t begin = offset / page_bytes * page_bytes;
  const std::size_t end = (offset + slice.size() + page_bytes - 1) / page_bytes * page_bytes;
  return {buffer.data() + begin, end - begin};
}

store::WriterSetup writer_setup(unsigned core, const SegmentStore& segments, MutableBytes staging) {
  store::WriterSetup setup;
  setup.log = core;
  setup.segment_octets = segments.options().segment_octets;
  setup.staging = staging;
  // A small segment is not to be filled by one intent.
  setup.raw_octets_per_intent_max =
      std::min(setup.raw_octets_per_intent_max, setup.segment_octets / 4);
  return setup;
}

}  // namespace

Spooler::Spooler(WorkerParts& parts, SegmentStore& segments, store::Index& index,
                 const SpoolerOptions& options, disk::AlignedMemory staging, std::uint64_t last_id)
    : parts_(parts),
      segments_(segments),
      index_(index),
      options_(options),
      staging_(std::move(staging)),
      writer_(writer_setup(parts.core.index(), segments, staging_.bytes())),
      last_id_(last_id & ((1ULL << 56) - 1)),
      write_(parts.core.ring(), *this) {}

Spooler::~Spooler() { CHECK(idle()); }

QueueId Spooler::new_id() {
  const auto now = static_cast<std::uint64_t>(parts_.core.wall().us);
  last_id_ = std::max(last_id_ + 1, now);
  return QueueId{static_cast<std::uint64_t>(parts_.core.index()) << 56 | last_id_};
}

std::size_t Spooler::append_content(QueueId id, Bytes slice, const memory::Buffer& buffer,
                                    std::vector<store::Extent>& extents) {
  if (slice.size() >= options_.copy_break_octets && lies_within(slice, buffer.octets())) {
    if (!writer_.append_pages(pages_around(slice, buffer.octets()), slice, extents)) return 0;
    lent_.push_back({writer_.ticket(), buffer});
    lent_octets_ += slice.size();
    parts_.metrics.spool.content_zero_copy_octets.add(slice.size());
    return slice.size();
  }
  const std::size_t taken = writer_.append_content(id, slice, extents);
  parts_.metrics.spool.content_copied_octets.add(taken);
  return taken;
}

template <class Append>
std::expected<store::Appended, store::Refused> Spooler::append_waiting(Commit& commit,
                                                                       Append append) {
  auto appended = append();
  if (!appended) return appended;
  CHECK(!commit.waiting_);
  commit.waiting_ = true;
  waiting_commits_.push_back({appended->ticket, &commit});
  return appended;
}

std::expected<store::Appended, store::Refused> Spooler::append(QueueId id,
                                                               const store::Envelope& envelope,
                                                               Commit& commit) {
  return append_waiting(commit, [&] { return writer_.append(id, envelope); });
}

std::expected<store::Appended, store::Refused> Spooler::append(QueueId id,
                                                               const store::Outcome& outcome,
                                                               Commit& commit) {
  return append_waiting(commit, [&] { return writer_.append(id, outcome); });
}

std::expected<store::Appended, store::Refused> Spooler::append_completed(QueueId id,
                                                                         Commit& commit) {
  return append_waiting(commit, [&] { return writer_.append_completed(id); });
}

void Spooler::wait_for_room(RoomWaiter& waiter) {
  if (waiter.waiting_) return;
  waiter.waiting_ = true;
  room_waiters_.push_back(&waiter);
}

void Spooler::forget(RoomWaiter& waiter) {
  if (!waiter.waiting_) return;
  waiter.waiting_ = false;
  std::erase(room_waiters_, &waiter);
}

void Spooler::wake_room_waiters() {
  std::vector<RoomWaiter*> woken;
  woken.swap(room_waiters_);
  for (RoomWaiter* waiter : woken) waiter->waiting_ = false;
  for (RoomWaiter* waiter : woken) waiter->handler_(*waiter);
}

bool Spooler::is_pressed() const {
  const bool nearly_full = writer_.segment() != store::SegmentId{} &&
                           writer_.segment_room() < segments_.options().segment_octets / 4;
  return nearly_full || !room_waiters_.empty();
}

void Spooler::provision() {
  if (!writer_.needs_segment()) return;
  const auto fresh = segments_.take(parts_.core.wall());
  if (!fresh) {
    if (segments_.last_fault()) set_starved(true);
    if (is_pressed()) segments_.hurry();
    return;
  }
  index_.add_segment(fresh->segment, true);
  writer_.provide_segment(*fresh);
  set_starved(false);
  wake_room_waiters();
}

void Spooler::set_starved(bool starved) {
  if (starved_ == starved) return;
  starved_ = starved;
  const auto fault = segments_.last_fault();
  const std::string reason = fault ? to_text(*fault) : "segments ready";
  parts_.events.emit(parts_.core.wall(),
                     observe::SpoolPressure{.accepting = !starved,
                                            .reason = reason,
                                            .free_octets = 0,
                                            .needed_octets = segments_.options().segment_octets});
  // Whoever waits for room learns now that there is none to come.
  if (starved) wake_room_waiters();
}

void Spooler::flush() {
  if (write_.in_flight()) return;
  provision();
  // Lent buffers are what receives: they do not wait for a commit when they run short. And a large
  // message is written while it arrives, so that little is left to write at its end.
  const bool buffers_short = parts_.buffers->buffers_free() < parts_.buffers->buffers_max() / 4;
  const bool early = lent_octets_ >= early_write_octets || (buffers_short && !lent_.empty());
  const auto flush =
      early ? store::LogWriter::Flush::Everything : store::LogWriter::Flush::WhenWanted;
  if (const auto intent = writer_.next_intent(flush)) start_write(*intent);
}

void Spooler::start_write(const store::WriteIntent& intent) {
  const disk::DirectFile* file = segments_.file_of(intent.segment);
  CHECK(file != nullptr);
  vector_.clear();
  for (Bytes part : intent.parts)
    vector_.push_back({const_cast<std::byte*>(part.data()), part.size()});
  write_segment_ = intent.segment;
  write_octets_ = intent.octets;
  write_began_ = parts_.core.now();
  lent_octets_ = 0;
  segments_.note_writing();
  write_.write_durably(*file, intent.offset, vector_);
}

void Spooler::measure_write() {
  observe::SpoolMetrics& metrics = parts_.metrics.spool;
  metrics.commits.add();
  metrics.commit_octets.add(write_octets_);
  metrics.commit_latency.record(
      static_cast<std::uint64_t>((parts_.core.now() - write_began_).ns / 1'000));
}

void Spooler::write_done(disk::DirectTransfer::Result result) {
  const std::expected<void, Fault> outcome =
      result ? std::expected<void, Fault>{} : std::unexpected(result.error());
  const store::Settled settled = writer_.completed(outcome);
  if (outcome) measure_write();
  while (!lent_.empty() && lent_.front().ticket <= settled.last) lent_.pop_front();
  const std::uint64_t told = tell_commits(settled);
  if (!outcome) report_fault(outcome.error(), told);
  provision();
  wake_room_waiters();
}

std::uint64_t Spooler::tell_commits(const store::Settled& settled) {
  std::uint64_t told = 0;
  while (!waiting_commits_.empty() && waiting_commits_.front().ticket <= settled.last) {
    Commit& commit = *waiting_commits_.front().commit;
    waiting_commits_.pop_front();
    commit.waiting_ = false;
    commit.handler_(commit, settled.durable);
    ++told;
  }
  if (settled.durable) parts_.metrics.spool.commit_messages.record(told);
  return told;
}

void Spooler::report_fault(const Fault& fault, std::uint64_t tickets_failed) {
  parts_.metrics.spool.faults.add();
  parts_.events.emit(parts_.core.wall(), observe::SpoolFault{.fault = fault,
                                                             .log = parts_.core.index(),
                                                             .segment = write_segment_.value,
                                                             .tickets_failed = tickets_failed});
}

}  // namespace ringpost::mta
