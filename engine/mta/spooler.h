// Spooler: one core's way into the spool. Turns the LogWriter's intents into durable writes (one in
// flight, so what arrives meanwhile is the next group commit), lends receive buffers to them, keeps
// segments ready, and tells every waiting commit what became of it. Owner: one core. A write error
// fails the commits that wait and moves on.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include <sys/uio.h>

#include "engine/disk/direct_file.h"
#include "engine/memory/buffer.h"
#include "engine/mta/segment_store.h"
#include "engine/mta/worker_parts.h"
#include "store/log/writer.h"
#include "store/spool/index.h"

namespace ringpost::mta {

// Someone who waits for a record to be durable. Must stay until its handler was called.
class Commit {
 public:
  using Handler = void (*)(Commit&, bool durable);
  explicit Commit(Handler handler) : handler_(handler) {}
  Commit(const Commit&) = delete;
  Commit& operator=(const Commit&) = delete;
  ~Commit() { CHECK(!waiting_); }
  bool waiting() const { return waiting_; }

 private:
  friend class Spooler;
  Handler handler_;
  bool waiting_ = false;
};

// Someone who was refused for want of room. Called once when it is worth trying again.
class RoomWaiter {
 public:
  using Handler = void (*)(RoomWaiter&);
  explicit RoomWaiter(Handler handler) : handler_(handler) {}
  RoomWaiter(const RoomWaiter&) = delete;
  RoomWaiter& operator=(const RoomWaiter&) = delete;
  ~RoomWaiter() { CHECK(!waiting_); }

 private:
  friend class Spooler;
  Handler handler_;
  bool waiting_ = false;
};

struct SpoolerOptions {
  std::size_t staging_octets = std::size_t{4} << 20;
  // Content in one receive buffer from this size on is written from the buffer itself
  // (bench/README.md).
  std::size_t copy_break_octets = 16 * 1024;
};

class Spooler {
 public:
  // `staging` is options.staging_octets of memory; `last_id`: the highest id of this core that
  // recovery saw.
  Spooler(WorkerParts& parts, SegmentStore& segments, store::Index& index,
          const SpoolerOptions& options, disk::AlignedMemory staging, std::uint64_t last_id);
  ~Spooler();
  Spooler(const Spooler&) = delete;
  Spooler& operator=(const Spooler&) = delete;

  // A name for a new message; never given twice, over restarts too.
  QueueId new_id();

  // Appends content of a message; returns how much was taken, less than all when there is no room
  // now. `buffer` holds the slice, or is empty when the slice lies elsewhere.
  std::size_t append_content(QueueId id, Bytes slice, const memory::Buffer& buffer,
                             std::vector<store::Extent>& extents);
  // Counts failed writes: extents handed out under another epoch are void.
  std::uint32_t epoch() const { return writer_.epoch(); }

  // Appends a record and lets `commit` know when it is durable, or that it never will be.
  std::expected<store::Appended, store::Refused> append(QueueId id, const store::Envelope& envelope,
                                                        Commit& commit);
  std::expected<store::Appended, store::Refused> append(QueueId id, const store::Outcome& outcome,
                                                        Commit& commit);
  std::expected<store::Appended, store::Refused> append_completed(QueueId id, Commit& commit);

  void wait_for_room(RoomWaiter& waiter);
  void forget(RoomWaiter& waiter);
  // The daemon stops: who would wait for as long as the disk is full may decide anew.
  void wake_room_waiters();

  // False while no segment can be had: new mail is refused with 452 then.
  bool accepting() const { return !starved_ && !segments_.exhausted(); }
  bool idle() const { return !write_.in_flight() && waiting_commits_.empty(); }

  // At the end of every turn: everything that the turn's sessions appended leaves as one write.
  void flush();
  // Takes a segment if one is needed; called when the SegmentStore says that something changed.
  void provision();
  // Segments that get no more writes, each once; to be asked after the settled records were
  // indexed.
  std::optional<store::SealedSegment> next_sealed() { return writer_.next_sealed(); }

 private:
  struct WaitingCommit {
    store::Ticket ticket;
    Commit* commit;
  };
  struct LentBuffer {
    store::Ticket ticket;
    memory::Buffer buffer;
  };

  template <class Append>
  std::expected<store::Appended, store::Refused> append_waiting(Commit& commit, Append append);
  void start_write(const store::WriteIntent& intent);
  void write_done(disk::DirectTransfer::Result result);
  void measure_write();
  void report_fault(const Fault& fault, std::uint64_t tickets_failed);
  std::uint64_t tell_commits(const store::Settled& settled);
  void set_starved(bool starved);
  bool is_pressed() const;  // for a segment to follow

  WorkerParts& parts_;
  SegmentStore& segments_;
  store::Index& index_;
  SpoolerOptions options_;
  disk::AlignedMemory staging_;
  store::LogWriter writer_;
  std::deque<WaitingCommit> waiting_commits_;
  std::deque<LentBuffer> lent_;
  std::vector<RoomWaiter*> room_waiters_;
  std::uint64_t last_id_ = 0;
  std::size_t lent_octets_ = 0;  // since the last write began

  // The write that is out.
  std::vector<iovec> vector_;
  store::SegmentId write_segment_;
  std::uint32_t write_octets_ = 0;
  Instant write_began_{};
  bool starved_ = false;
  disk::DirectTransferOf<Spooler, &Spooler::write_done> write_;
};

}  // namespace ringpost::mta
