// Recovery of a simulated disk, and its comparison with what was promised. See spool_world.h.
#include <set>

#include <fmt/format.h>

#include "proto/base/crc32c.h"
#include "tests/sim/spool_world.h"

namespace ringpost::sim {
namespace {

std::optional<Bytes> read_extent(const Disk& disk,
                                 const std::map<store::SegmentId, std::uint32_t>& slots,
                                 const store::Extent& extent) {
  const auto slot = slots.find(extent.segment);
  if (slot == slots.end()) return std::nullopt;
  const Bytes octets = disk.read(slot->second, extent.offset, extent.length);
  if (octets.size() != extent.length || crc32c(0, octets) != extent.crc) return std::nullopt;
  return octets;
}

std::string broken_promise_of(QueueId id, const Promise& promise,
                              const store::MessageSummary& found,
                              const std::optional<Loaded>& loaded) {
  if (promise.buried) return fmt::format("{} rose from the dead", to_text(id));
  if (!loaded) return fmt::format("{} cannot be read back", to_text(id));
  if (loaded->content != promise.content) return fmt::format("{} has other content", to_text(id));
  if (found.recipients.size() != promise.recipients)
    return fmt::format("{} has other recipients", to_text(id));
  for (std::size_t i = 0; i < promise.acknowledged.size(); ++i) {
    const store::RecipientProgress& known = promise.acknowledged[i];
    const store::RecipientProgress& kept = found.recipients[i];
    if (store::is_final(known.status) && !store::is_final(kept.status))
      return fmt::format("{} recipient {} would be delivered again", to_text(id), i);
    if (!store::is_final(kept.status) && kept.attempts < known.attempts)
      return fmt::format("{} recipient {} lost attempts", to_text(id), i);
    if (!store::is_final(kept.status) && kept.hold_changes < known.hold_changes)
      return fmt::format("{} recipient {} lost a hold", to_text(id), i);
  }
  return {};
}

}  // namespace

Recovered recover(const Disk& disk) {
  store::Recovery recovery;
  Recovered recovered;
  for (std::uint32_t slot = 0; slot < disk.slots(); ++slot) {
    store::SegmentScan scan(slot, disk.segment_octets());
    // Pieces of one to three blocks: the result must not depend on how the file is read.
    for (std::uint32_t piece = 1; scan.wanted() < disk.segment_octets(); piece = piece % 3 + 1) {
      const std::uint32_t left = disk.segment_octets() - scan.wanted();
      scan.push(disk.read(slot, scan.wanted(), std::min(left, piece * store::block_octets)));
    }
    store::SegmentReport report = scan.report();
    const bool free = report.header && report.header->state == store::SegmentState::Free;
    if (report.segment.value != 0 && !free) recovered.slots[report.segment] = slot;
    recovery.add(std::move(report));
  }
  const std::vector<store::Extent>& unverified = recovery.unverified();
  for (std::size_t i = 0; i < unverified.size(); ++i)
    recovery.verified(i, read_extent(disk, recovered.slots, unverified[i]).has_value());
  recovered.spool = recovery.finish();
  return recovered;
}

std::optional<Loaded> load(const Disk& disk, const std::map<store::SegmentId, std::uint32_t>& slots,
                           const store::MessageSummary& message) {
  const auto payload = read_extent(disk, slots, message.envelope);
  if (!payload) return std::nullopt;
  const auto envelope = store::decode_envelope(*payload);
  if (!envelope) return std::nullopt;
  Loaded loaded{.envelope = *envelope, .content = {}};
  for (const store::Extent& extent : envelope->extents) {
    const auto octets = read_extent(disk, slots, extent);
    if (!octets) return std::nullopt;
    loaded.content += text_of(*octets);
  }
  return loaded;
}

std::string broken_promise(const Disk& disk, const Ledger& ledger) {
  const Recovered recovered = recover(disk);
  if (!recovered.spool.damaged.empty()) {
    const store::Damage& damage = recovered.spool.damaged.front();
    return fmt::format("damage in segment {} from {} to {}: {}", damage.segment.value, damage.begin,
                       damage.end, to_text(damage.reason));
  }
  std::set<QueueId> seen;
  for (const store::MessageSummary& message : recovered.spool.messages) {
    const auto promise = ledger.find(message.id);
    if (promise == ledger.end()) return fmt::format("{} was never sent", to_text(message.id));
    if (!seen.insert(message.id).second) return fmt::format("{} is twice", to_text(message.id));
    std::string broken = broken_promise_of(message.id, promise->second, message,
                                           load(disk, recovered.slots, message));
    if (!broken.empty()) return broken;
  }
  for (const auto& [id, promise] : ledger) {
    if (promise.accepted && !promise.may_be_gone && !seen.contains(id))
      return fmt::format("{} was accepted and is lost", to_text(id));
  }
  return {};
}

}  // namespace ringpost::sim
