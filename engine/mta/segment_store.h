// SegmentStore: the segment files of the whole process: opens those that exist, makes new ones in a
// thread of its own, keeps some ready, and lets every core read every segment. A free slot may be
// taken by any core. Thread-safe where it says so. Disk full or failing: no new segments, tried
// again every second, reported.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/disk/direct_file.h"
#include "store/log/extent.h"
#include "store/log/writer.h"

namespace ringpost::mta {

struct SegmentStoreOptions {
  std::string path;  // folder of the segment files; must exist
  std::uint32_t segment_octets = 0;
  std::uint32_t ready_wanted = 2;  // slots kept ready, over all cores
  std::uint32_t ready_low = 1;     // while mail is written, none is made as long as more are ready
  std::uint64_t free_octets_min = 0;  // no file is made when less than this would be left
  // So long without a write of mail is a pause, in which zeros are written at full speed.
  std::chrono::milliseconds calm_after{20};
};

class SegmentStore {
 public:
  // Opens every segment file in the folder. Blocks. A file that the disk does not give (EIO,
  // EUCLEAN) is left out, see unopened().
  static std::expected<std::unique_ptr<SegmentStore>, Fault> open(SegmentStoreOptions options);
  ~SegmentStore();
  SegmentStore(const SegmentStore&) = delete;
  SegmentStore& operator=(const SegmentStore&) = delete;

  const SegmentStoreOptions& options() const { return options_; }

  // --- at the start, one thread ----------------------------------------------------------------
  std::vector<std::uint32_t> slots() const;
  const std::vector<Fault>& unopened() const { return unopened_; }
  const disk::DirectFile& slot_file(std::uint32_t slot) const;
  std::string slot_file_path(std::uint32_t slot) const { return slot_path(slot); }
  // What recovery found: a slot in use by `segment`, or one that is free to be taken.
  void adopt(std::uint32_t slot, store::SegmentId segment);
  void adopt_free(std::uint32_t slot);
  // Ids are given out above this one. Then the thread that makes segments starts; `changed` is
  // called from that thread whenever slots became ready, or could not be made.
  void start(store::SegmentId highest, std::function<void()> changed);
  // Once this returns, `changed` is neither running nor called again: what it looks at may go. Any
  // thread, also several times.
  void end_announcements();

  // --- any thread ------------------------------------------------------------------------------
  // A ready slot, with a new id and life; nothing when none is ready (more are being made).
  std::optional<store::FreshSegment> take(WallTime now);
  // The segment is durably Free: its slot may be taken again.
  void release(store::SegmentId segment);
  // The file of a segment in use; stays valid until release(). Null: unknown.
  const disk::DirectFile* file_of(store::SegmentId segment) const;
  std::optional<std::uint32_t> slot_of(store::SegmentId segment) const;
  // Why no segment could be made lately, if so.
  std::optional<Fault> last_fault() const;
  std::uint32_t ready() const;
  std::uint32_t total() const;
  // A segment is being written: what is made meanwhile gives way.
  void note_writing() { writing_.store(true, std::memory_order_relaxed); }
  // A core has next to no room left and found no slot ready: one that is late is worse than one
  // that is slow, so what is being made is handed out as it is.
  void hurry();
  // Blocks until `count` slots are ready, none can be made, or `limit` has passed.
  void await_ready(std::uint32_t count, std::chrono::milliseconds limit);
  // No slot is ready and none can be made: new mail has to be refused.
  bool exhausted() const { return exhausted_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    disk::DirectFile file;
    store::SegmentId segment;  // none: free
  };

  explicit SegmentStore(SegmentStoreOptions options) : options_(std::move(options)) {}
  std::expected<void, Fault> open_slots();
  std::string slot_path(std::uint32_t slot) const;
  std::expected<void, Fault> check_space() const;
  std::optional<std::uint32_t> slot_to_make();
  void made(std::uint32_t slot, std::expected<disk::DirectFile, Fault> file);
  void note_exhaustion();
  std::size_t zeros_to_write();
  void make_segments();
  void announce();
  void trim();
  std::size_t kept_max() const;

  SegmentStoreOptions options_;
  mutable std::shared_mutex lock_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Slot>> slots_;
  std::unordered_map<store::SegmentId, std::uint32_t> in_use_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> condemned_;  // free, but of another size than is made now
  std::optional<Fault> fault_;
  std::vector<Fault> unopened_;
  std::atomic<std::uint32_t> next_segment_{1};
  std::atomic<bool> exhausted_{false};
  std::atomic<bool> writing_{false};
  std::chrono::steady_clock::time_point mail_seen_{};  // of the thread that makes segments
  bool hurried_ = false;
  std::uint32_t next_slot_ = 0;

  std::mutex announcing_;  // held while `changed_` runs
  std::function<void()> changed_;
  std::condition_variable_any wanted_;
  bool stopping_ = false;
  std::thread maker_;
};

}  // namespace ringpost::mta
