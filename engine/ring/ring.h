// Ring: one io_uring, used by one thread (SINGLE_ISSUER, DEFER_TASKRUN, registered ring
// descriptor). Submissions are gathered and leave with one system call per turn. Fails only at
// creation.
#pragma once

#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <span>

#include <liburing.h>

#include "engine/ring/operation.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"

namespace ringpost::ring {

struct RingOptions {
  unsigned entries = 4096;             // submission queue; completions get four times as many
  unsigned direct_files_max = 16'384;  // slots for direct descriptors (bounded by RLIMIT_NOFILE)
  unsigned blocking_workers_max = 64;  // kernel threads for requests that cannot run inline
};

class Ring {
 public:
  // Must be called on the thread that will use the ring.
  static std::expected<std::unique_ptr<Ring>, Fault> create(const RingOptions& options);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // A cleared submission entry bound to `operation`, to be filled by an io_uring_prep_* call and
  // then passed to bind(). Never null: a full queue is submitted first.
  io_uring_sqe* entry();
  // Marks `operation` as in flight and as the receiver of the completions of `sqe`.
  void bind(io_uring_sqe* sqe, Operation& operation);
  // The completion of `sqe` is of no interest to anybody.
  void bind_to_nobody(io_uring_sqe* sqe);
  // Only a failure of `sqe` is told to `watcher`, which is not in flight meanwhile: it may watch
  // any number of requests, from any ring, and must outlive them by other means.
  void bind_failure(io_uring_sqe* sqe, Operation& watcher);

  // Asks the kernel to end `operation` soon; its handler still gets the final completion (often
  // -ECANCELED).
  void cancel(Operation& operation);

  // Submits what was prepared and waits until something completed or `timeout` has passed
  // (negative: no wait).
  void submit_and_wait(Duration timeout);
  // Runs the handlers of at most `completions_max` completions; returns how many.
  unsigned reap(unsigned completions_max);

  int file() const { return ring_.ring_fd; }
  unsigned direct_files_max() const { return direct_files_max_; }
  io_uring& raw() { return ring_; }

 private:
  Ring() = default;
  void make_room();
  struct Fetched {
    Operation* operation;  // null: of interest to nobody
    Completion completion;
  };
  std::optional<Fetched> fetch();
  std::optional<Fetched> next_completion();

  io_uring ring_{};
  std::deque<Fetched> set_aside_;  // taken from the kernel, not handled yet
  unsigned direct_files_max_ = 0;
};

}  // namespace ringpost::ring
