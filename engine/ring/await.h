// What a Task can wait for besides another Task: one request to the kernel, a pause, and an event
// of its own core. Everything named by pointer in a request must outlive the co_await.
#pragma once

#include <coroutine>
#include <span>
#include <utility>

#include <sys/stat.h>
#include <sys/uio.h>

#include "engine/ring/core.h"

namespace ringpost::ring {

// co_await gives the result of the system call: a count or descriptor, or a negative errno.
class [[nodiscard]] Request : private Operation {
 public:
  Request(Ring& ring, const io_uring_sqe& prepared)
      : Operation(&Request::finished), ring_(ring), prepared_(prepared) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    io_uring_sqe* sqe = ring_.entry();
    *sqe = prepared_;
    ring_.bind(sqe, *this);
  }
  int await_resume() const noexcept { return result_; }

 private:
  static void finished(Operation& operation, Completion completion) {
    auto& self = static_cast<Request&>(operation);
    self.result_ = completion.result;
    self.waiting_.resume();
  }

  Ring& ring_;
  io_uring_sqe prepared_;
  std::coroutine_handle<> waiting_{};
  int result_ = 0;
};

// File requests by plain descriptors and paths (relative to `directory`; AT_FDCWD for the working
// directory).
Request open_at(Ring& ring, int directory, const char* path, int flags, unsigned mode);
Request read_at(Ring& ring, int file, void* target, unsigned bytes, std::uint64_t offset);
Request write_at(Ring& ring, int file, const void* source, unsigned bytes, std::uint64_t offset);
Request write_vector(Ring& ring, int file, std::span<const iovec> parts, std::uint64_t offset,
                     int flags);
Request sync_file(Ring& ring, int file);
Request sync_data(Ring& ring, int file);
Request close_file(Ring& ring, int file);
Request rename_at(Ring& ring, int from_directory, const char* from, int to_directory,
                  const char* to);
// What `wanted` (STATX_...) asks for goes to `status`; always on a kernel thread.
Request status_at(Ring& ring, int directory, const char* path, unsigned wanted,
                  struct statx* status);
Request unlink_at(Ring& ring, int directory, const char* path);
Request make_directory_at(Ring& ring, int directory, const char* path, unsigned mode);
// Stream sockets by plain descriptors: all of it, unless an error or the peer's end comes first.
Request send_all(Ring& ring, int socket, const void* source, unsigned bytes);
Request receive_all(Ring& ring, int socket, void* target, unsigned bytes);

// A pause of at least `duration`.
class [[nodiscard]] Pause {
 public:
  Pause(Core& core, Duration duration) : core_(core), duration_(duration) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    core_.timers().arm(timer_, core_.now() + duration_);
  }
  void await_resume() const noexcept {}

 private:
  void fired() { waiting_.resume(); }

  Core& core_;
  Duration duration_;
  std::coroutine_handle<> waiting_{};
  TimerOf<Pause, &Pause::fired> timer_{*this};
};

// A one-core, one-waiter event: set() resumes the waiter from the caller's stack.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void set() {
    set_ = true;
    if (waiting_) std::exchange(waiting_, {}).resume();
  }
  bool await_ready() const noexcept { return set_; }
  void await_suspend(std::coroutine_handle<> waiting) {
    CHECK(!waiting_);
    waiting_ = waiting;
  }
  void await_resume() const noexcept {}

 private:
  bool set_ = false;
  std::coroutine_handle<> waiting_{};
};

}  // namespace ringpost::ring
