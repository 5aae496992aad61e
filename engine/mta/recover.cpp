// Recovery at the start: see recover.h; what is decided is decided in store/log/recovery.
#include "engine/mta/recover.h"

#include <algorithm>
#include <unordered_map>

#include "engine/ring/clock.h"
#include "proto/base/crc32c.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t read_bytes = std::size_t{1} << 20;
constexpr std::uint32_t failed_reads_max = 16;  // of one file

class Recoverer {
 public:
  Recoverer(SegmentStore& segments, unsigned cores, observe::EventLog& log, SegmentRead read)
      : segments_(segments), cores_(cores), log_(log), read_(std::move(read)) {}

  std::expected<RecoveredState, Fault> run() {
    const Instant began = ring::monotonic_now();
    auto memory = disk::AlignedMemory::map(read_bytes);
    if (!memory) return std::unexpected(memory.error());
    room_ = memory->bytes();
    for (const std::uint32_t slot : segments_.slots()) scan(slot);
    const auto& unverified = recovery_.unverified();
    for (std::size_t i = 0; i < unverified.size(); ++i)
      recovery_.verified(i, verifies(unverified[i]));
    spool_ = recovery_.finish();
    adopt_slots();
    share_messages();
    report(ring::monotonic_now() - began);
    return std::move(state_);
  }

 private:
  void scan(std::uint32_t slot) {
    const disk::DirectFile& file = segments_.slot_file(slot);
    // Whole blocks only: a file that was cut off is read as far as it goes.
    const auto octets =
        static_cast<std::uint32_t>(file.bytes() / store::block_octets * store::block_octets);
    store::SegmentScan segment_scan(slot, octets);
    while (segment_scan.wanted() < octets) {
      const std::uint32_t at = segment_scan.wanted();
      const std::size_t got =
          read_around_faults(slot, at, room_.first(std::min<std::size_t>(read_bytes, octets - at)));
      if (got == 0) break;
      segment_scan.push(room_.first(got));
    }
    store::SegmentReport report = segment_scan.report();
    slot_of_[report.segment] = slot;
    recovery_.add(std::move(report));
  }

  // What cannot be read is filled with octets that verify as nothing: the scan takes them for
  // damage and goes on behind them.
  std::size_t read_around_faults(std::uint32_t slot, std::uint32_t offset, MutableBytes target) {
    const disk::DirectFile& file = segments_.slot_file(slot);
    const auto whole = read_(file, offset, target);
    if (whole) return *whole;
    for (std::size_t done = 0; done < target.size(); done += store::block_octets) {
      const MutableBytes block = target.subspan(done, store::block_octets);
      const auto at = static_cast<std::uint32_t>(offset + done);
      const auto known = unreadable_.find(slot);
      // A disk may take seconds for each: a file that fails again and again is not asked for more.
      const bool give_up = known != unreadable_.end() && known->second.count >= failed_reads_max;
      if (!give_up) {
        const auto got = read_(file, at, block);
        if (got && *got == 0) return done;
        if (got) continue;
        note_unreadable(slot, at, got.error());
      }
      std::ranges::fill(block, std::byte{0xff});
    }
    return target.size();
  }

  void note_unreadable(std::uint32_t slot, std::uint32_t offset, const Fault& fault) {
    ++unreadable_.try_emplace(slot, Unreadable{fault, offset}).first->second.count;
  }

  bool verifies(const store::Extent& extent) {
    const auto slot = slot_of_.find(extent.segment);
    if (slot == slot_of_.end()) return false;
    const disk::DirectFile& file = segments_.slot_file(slot->second);
    std::uint32_t crc = 0;
    for (std::uint32_t done = 0; done < extent.length;) {
      const std::uint32_t at = extent.offset + done;
      const std::uint32_t block = at / disk::direct_block_bytes * disk::direct_block_bytes;
      const auto got = read_(file, block, room_);
      if (!got) note_unreadable(slot->second, block, got.error());
      if (!got || *got <= at - block) return false;
      const std::size_t piece = std::min<std::size_t>(*got - (at - block), extent.length - done);
      crc = crc32c(crc, room_.subspan(at - block, piece));
      done += static_cast<std::uint32_t>(piece);
    }
    return crc == extent.crc;
  }

  void adopt_slots() {
    state_.shares.resize(cores_);
    state_.segment_max = spool_.segment_max;
    for (const store::RecoveredSegment& segment : spool_.segments) {
      // Nothing can be read there; it was reported, and stays for whoever wants to look.
      if (segment.state == store::SlotState::Unreadable) continue;
      const bool readable = !unreadable_.contains(segment.slot);
      if (segment.state != store::SlotState::Sealed) {
        if (!readable) continue;
        segments_.adopt_free(segment.slot);
        continue;
      }
      segments_.adopt(segment.slot, segment.segment);
      const unsigned owner = segment.log % cores_;
      owner_of_[segment.segment] = owner;
      state_.shares[owner].segments.push_back(segment.segment);
      // Lent to nobody who would give it back: it is not freed, so nothing is written there.
      if (!readable) state_.shares[owner].lent.push_back(segment.segment);
    }
    for (unsigned core = 0; core < cores_; ++core)
      state_.shares[core].last_id = spool_.queue_id_max[core];
  }

  void share_messages() {
    state_.messages = spool_.messages.size();
    share_errors();
    for (store::MessageSummary& message : spool_.messages) {
      const unsigned core = owner_of_.at(message.envelope.segment);
      for (const store::SegmentUse& use : message.uses) borrow(use.segment, core);
      state_.shares[core].messages.push_back(std::move(message));
    }
    for (const auto& reliance : spool_.reliances) {
      const auto owner = owner_of_.find(reliance.tombstone);
      if (owner != owner_of_.end()) state_.shares[owner->second].reliances.push_back(reliance);
    }
  }

  void share_errors() {
    for (auto& error : spool_.errors) {
      const auto message =
          std::ranges::lower_bound(spool_.messages, error.id, {}, &store::MessageSummary::id);
      const unsigned core = owner_of_.at(message->envelope.segment);
      state_.shares[core].errors.push_back(std::move(error));
    }
  }

  void borrow(store::SegmentId segment, unsigned core) {
    const unsigned owner = owner_of_.at(segment);
    if (owner == core) return;
    auto& borrowed = state_.shares[core].borrowed;
    if (std::ranges::any_of(borrowed, [&](const auto& b) { return b.segment == segment; })) return;
    borrowed.push_back({segment, owner});
    state_.shares[owner].lent.push_back(segment);
  }

  void report(Duration elapsed) {
    const WallTime now = ring::wall_now();
    for (const store::Damage& damage : spool_.damaged)
      log_.emit(now, observe::SegmentQuarantined{.file = segments_.slot_file_path(damage.slot),
                                                 .segment = damage.segment.value,
                                                 .offset = damage.begin,
                                                 .reason = store::to_text(damage.reason)});
    report_unreadable(now);
    std::uint64_t pending = 0;
    for (const RecoveredShare& share : state_.shares)
      for (const store::MessageSummary& message : share.messages)
        pending += static_cast<std::uint64_t>(std::ranges::count_if(
            message.recipients, [](const auto& r) { return !store::is_final(r.status); }));
    log_.emit(now, observe::SpoolRecovered{.segments = spool_.segments.size(),
                                           .messages = state_.messages,
                                           .recipients_pending = pending,
                                           .torn_tails = spool_.torn_octets > 0 ? 1u : 0u,
                                           .corrupt = spool_.damaged.size(),
                                           .elapsed = elapsed});
  }

  void report_unreadable(WallTime now) {
    for (const store::RecoveredSegment& segment : spool_.segments) {
      const auto found = unreadable_.find(segment.slot);
      if (found == unreadable_.end()) continue;
      log_.emit(now, observe::SegmentQuarantined{.file = segments_.slot_file_path(segment.slot),
                                                 .segment = segment.segment.value,
                                                 .offset = found->second.offset,
                                                 .reason = to_text(found->second.fault)});
    }
    for (const Fault& fault : segments_.unopened())
      log_.emit(now, observe::SegmentQuarantined{.file = fault.path, .reason = to_text(fault)});
  }

  struct Unreadable {
    Fault fault;  // the first
    std::uint32_t offset = 0;
    std::uint32_t count = 0;
  };

  SegmentStore& segments_;
  unsigned cores_;
  observe::EventLog& log_;
  SegmentRead read_;
  std::unordered_map<std::uint32_t, Unreadable> unreadable_;  // by slot
  MutableBytes room_;
  store::Recovery recovery_;
  store::RecoveredSpool spool_;
  RecoveredState state_;
  std::unordered_map<store::SegmentId, std::uint32_t> slot_of_;
  std::unordered_map<store::SegmentId, unsigned> owner_of_;
};

}  // namespace

std::expected<RecoveredState, Fault> recover(SegmentStore& segments, unsigned cores,
                                             observe::EventLog& log, SegmentRead read) {
  Recoverer recoverer(segments, cores, log, std::move(read));
  return recoverer.run();
}

}  // namespace ringpost::mta
