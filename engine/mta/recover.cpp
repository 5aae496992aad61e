// Recovery at the start: see recover.h; what is decided is decided in store/log/recovery.
#include "engine/mta/recover.h"

#include <algorithm>
#include <unordered_map>

#include "engine/ring/clock.h"
#include "proto/base/crc32c.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t read_bytes = std::size_t{1} << 20;

class Recoverer {
 public:
  Recoverer(SegmentStore& segments, unsigned cores, observe::EventLog& log)
      : segments_(segments), cores_(cores), log_(log) {}

  std::expected<RecoveredState, Fault> run() {
    const Instant began = ring::monotonic_now();
    auto memory = disk::AlignedMemory::map(read_bytes);
    if (!memory) return std::unexpected(memory.error());
    room_ = memory->bytes();
    for (const std::uint32_t slot : segments_.slots())
      if (auto scanned = scan(slot); !scanned) return std::unexpected(scanned.error());
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
  std::expected<void, Fault> scan(std::uint32_t slot) {
    const disk::DirectFile& file = segments_.slot_file(slot);
    // Whole blocks only: a file that was cut off is read as far as it goes.
    const auto octets =
        static_cast<std::uint32_t>(file.bytes() / store::block_octets * store::block_octets);
    store::SegmentScan segment_scan(slot, octets);
    while (segment_scan.wanted() < octets) {
      const std::uint32_t at = segment_scan.wanted();
      const auto got = file.read(at, room_.first(std::min<std::size_t>(read_bytes, octets - at)));
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      segment_scan.push(room_.first(*got));
    }
    store::SegmentReport report = segment_scan.report();
    slot_of_[report.segment] = slot;
    recovery_.add(std::move(report));
    return {};
  }

  bool verifies(const store::Extent& extent) {
    const auto slot = slot_of_.find(extent.segment);
    if (slot == slot_of_.end()) return false;
    const disk::DirectFile& file = segments_.slot_file(slot->second);
    std::uint32_t crc = 0;
    for (std::uint32_t done = 0; done < extent.length;) {
      const std::uint32_t at = extent.offset + done;
      const std::uint32_t block = at / disk::direct_block_bytes * disk::direct_block_bytes;
      const auto got = file.read(block, room_);
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
      if (segment.state != store::SlotState::Sealed) {
        segments_.adopt_free(segment.slot);
        continue;
      }
      segments_.adopt(segment.slot, segment.segment);
      const unsigned owner = segment.log % cores_;
      owner_of_[segment.segment] = owner;
      state_.shares[owner].segments.push_back(segment.segment);
    }
    for (unsigned core = 0; core < cores_; ++core)
      state_.shares[core].last_id = spool_.queue_id_max[core];
  }

  void share_messages() {
    state_.messages = spool_.messages.size();
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

  SegmentStore& segments_;
  unsigned cores_;
  observe::EventLog& log_;
  MutableBytes room_;
  store::Recovery recovery_;
  store::RecoveredSpool spool_;
  RecoveredState state_;
  std::unordered_map<store::SegmentId, std::uint32_t> slot_of_;
  std::unordered_map<store::SegmentId, unsigned> owner_of_;
};

}  // namespace

std::expected<RecoveredState, Fault> recover(SegmentStore& segments, unsigned cores,
                                             observe::EventLog& log) {
  Recoverer recoverer(segments, cores, log);
  return recoverer.run();
}

}  // namespace ringpost::mta
