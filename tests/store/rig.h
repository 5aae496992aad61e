// A LogWriter over files in memory, for tests of the log: writes go through at once or fail as
// told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "store/log/recovery.h"
#include "store/log/writer.h"

namespace ringpost::store {

struct AlignedMemory {
  explicit AlignedMemory(std::size_t octets)
      : storage_(octets + block_octets, std::byte{'.'}), octets_(octets) {}
  MutableBytes room() {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
    return MutableBytes(storage_).subspan((block_octets - address % block_octets) % block_octets,
                                          octets_);
  }

 private:
  std::vector<std::byte> storage_;
  std::size_t octets_;
};

class Rig {
 public:
  explicit Rig(std::uint32_t segment_octets = 32 * block_octets,
               std::uint32_t staging_octets = 16 * block_octets)
      : segment_octets_(segment_octets), staging_(staging_octets), writer_(setup()) {}

  LogWriter& writer() { return writer_; }
  void provide(std::uint32_t slot, std::uint32_t segment) {
    files_[slot].resize(segment_octets_);
    writer_.provide_segment({.slot = slot,
                             .segment = SegmentId{segment},
                             .life = 1'000u + segment,
                             .opened = WallTime{5}});
  }
  std::vector<Extent> content(QueueId id, std::string_view text) {
    std::vector<Extent> extents;
    EXPECT_EQ(writer_.append_content(id, bytes_of(text), extents), text.size());
    return extents;
  }
  Envelope envelope(std::vector<Extent> extents, std::size_t recipients = 1) {
    Envelope envelope;
    envelope.reverse_path = "sender@example.org";
    envelope.recipients.resize(recipients);
    envelope.extents = std::move(extents);
    return envelope;
  }
  Appended accept(QueueId id, std::string_view text) {
    const auto appended = writer_.append(id, envelope(content(id, text)));
    EXPECT_TRUE(appended);
    return appended.value_or(Appended{});
  }
  // Writes what is due and completes it; false: nothing was due.
  bool flush(bool ok = true) {
    const auto intent = writer_.next_intent(LogWriter::Flush::Everything);
    if (!intent) return false;
    settled_ = ok ? (put(*intent), writer_.completed({}))
                  : writer_.completed(std::unexpected(Fault{.operation = "write", .code = 5}));
    return true;
  }
  void put(const WriteIntent& intent) {
    std::size_t at = intent.offset;
    for (Bytes part : intent.parts) {
      std::ranges::copy(part, files_[intent.slot].begin() + static_cast<std::ptrdiff_t>(at));
      at += part.size();
    }
    EXPECT_EQ(at, std::size_t{intent.offset} + intent.octets);
  }
  const Settled& settled() const { return settled_; }
  std::vector<std::byte>& file(std::uint32_t slot) { return files_[slot]; }
  std::string_view text(std::uint32_t slot, const Extent& extent) {
    return text_of(Bytes(files_[slot]).subspan(extent.offset, extent.length));
  }
  SegmentReport scan(std::uint32_t slot) {
    SegmentScan scan(slot, segment_octets_);
    while (scan.wanted() < segment_octets_)
      scan.push(Bytes(files_[slot]).subspan(scan.wanted(), block_octets));
    return scan.report();
  }
  // Everything that recovery asks for verifies unless `verify` is false.
  RecoveredSpool recover(bool verify = true) {
    Recovery recovery;
    for (const auto& [slot, file] : files_) recovery.add(scan(slot));
    for (std::size_t i = 0; i < recovery.unverified().size(); ++i) recovery.verified(i, verify);
    return recovery.finish();
  }

 private:
  WriterSetup setup() {
    WriterSetup setup;
    setup.log = 3;
    setup.segment_octets = segment_octets_;
    setup.staging = staging_.room();
    setup.raw_octets_per_intent_max =
        std::min(8 * block_octets, segment_octets_ - 2 * block_octets);
    return setup;
  }

  std::uint32_t segment_octets_;
  AlignedMemory staging_;
  LogWriter writer_;
  std::map<std::uint32_t, std::vector<std::byte>> files_;
  Settled settled_;
};

}  // namespace ringpost::store
