// A little mail server around the spool, without a kernel: it takes messages, tries recipients,
// cleans and frees segments on a simulated disk, and remembers what it promised to whom. A new life
// starts from whatever a crash left on the disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "proto/base/bytes.h"
#include "store/log/recovery.h"
#include "store/log/writer.h"
#include "store/spool/index.h"
#include "tests/sim/disk.h"

namespace ringpost::sim {

// What was promised about a message, over all lives.
struct Promise {
  std::string content;
  std::size_t recipients = 0;
  bool accepted = false;  // its Envelope was acknowledged, or a recovery has shown it to be there
  bool buried = false;    // its Completed record was acknowledged
  bool may_be_gone = false;  // a Completed record was appended, whatever came of it
  std::vector<store::RecipientProgress> acknowledged;  // outcomes that were
};
using Ledger = std::map<QueueId, Promise>;

struct Recovered {
  store::RecoveredSpool spool;
  std::map<store::SegmentId, std::uint32_t> slots;
};

Recovered recover(const Disk& disk);
// The Envelope and the whole content of a recovered message; nothing if anything does not verify.
struct Loaded {
  store::Envelope envelope;
  std::string content;
};
std::optional<Loaded> load(const Disk& disk, const std::map<store::SegmentId, std::uint32_t>& slots,
                           const store::MessageSummary& message);
// Compares what recovery finds on the disk with what was promised; empty: all is well.
std::string broken_promise(const Disk& disk, const Ledger& ledger);

struct WorldOptions {
  std::uint32_t slots = 6;
  std::uint32_t segment_octets = 16 * store::block_octets;
  std::uint32_t staging_octets = 8 * store::block_octets;
  std::uint32_t raw_octets_max = 6 * store::block_octets;
  std::uint32_t content_octets_max = 9'000;
  std::uint32_t drafts_max = 3;
  std::size_t messages_max = 12;  // accepted and not yet completed
  unsigned write_failures_percent = 0;
};

class SpoolWorld {
 public:
  // Starts from what is on `disk`; `ledger` goes on over lives.
  SpoolWorld(const WorldOptions& options, std::uint64_t seed, std::uint32_t log, Disk& disk,
             Ledger& ledger);

  // One step chosen by the seed: something is appended, or a write starts, or the write that is
  // under way ends.
  void step();
  // The write that a crash would tear now.
  const std::optional<Write>& under_way() const { return under_way_; }
  std::uint64_t freed_segments() const { return freed_segments_; }
  std::uint64_t relocations() const { return relocations_; }
  std::uint64_t failures() const { return failures_; }

 private:
  struct Draft {
    QueueId id;
    std::string content;
    std::size_t written = 0;
    std::vector<store::Extent> extents;
    std::vector<store::SegmentId> leased;
    std::uint32_t epoch = 0;
    std::optional<store::MessageSummary> relocated;  // the message it replaces
    store::Envelope envelope;
  };
  struct Awaited {
    store::Ticket ticket = 0;
    QueueId id;
    enum class Kind { Envelope, Outcome, Completed } kind = Kind::Envelope;
    store::Extent where;
    store::Envelope envelope;
    store::Outcome outcome;
    std::vector<store::SegmentId> leased;
  };

  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  void adopt(Recovered recovered);
  void supply_segment();
  void open_draft();
  void feed(Draft& draft);
  bool feed_pages(Draft& draft, Bytes octets);
  void lease_new(Draft& draft, std::size_t known);
  void finish(Draft& draft);
  void drop(std::size_t draft);
  void drop_void_drafts();
  void try_recipient();
  void bury();
  void relocate();
  void start_write(bool everything);
  void end_write();
  void settle(const store::Settled& settled);
  void enter(Awaited& awaited);
  void free_segments();

  WorldOptions options_;
  std::mt19937_64 random_;
  Disk& disk_;
  Ledger& ledger_;
  std::vector<std::byte> staging_memory_;
  std::optional<store::LogWriter> writer_;
  store::Index index_;
  std::map<store::SegmentId, std::uint32_t> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t next_segment_ = 1;
  std::uint64_t next_id_ = 1;
  std::vector<Draft> drafts_;
  std::vector<Awaited> awaited_;
  std::vector<QueueId> burying_;                                // a Completed record is on its way
  std::vector<std::shared_ptr<std::vector<std::byte>>> pages_;  // lent to the writer
  std::optional<Write> under_way_;
  std::optional<store::SegmentId> freeing_;  // the write under way is its Free header
  std::uint64_t freed_segments_ = 0;
  std::uint64_t relocations_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace ringpost::sim
