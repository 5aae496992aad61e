// DirectFile: plain offsets and vectors on one file opened with O_DIRECT; knows nothing of logs.
// Every offset, length and address must be a multiple of direct_block_bytes. Errors are Faults; a
// failed durable write leaves the state of its range unknown and must not be retried blindly.
#pragma once

#include <coroutine>
#include <expected>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include <sys/uio.h>

#include "engine/ring/ring.h"
#include "proto/base/bytes.h"
#include "proto/base/fault.h"

namespace ringpost::disk {

inline constexpr std::size_t direct_block_bytes = 4096;
inline constexpr std::size_t fill_step_bytes = 1 << 20;

// Page-aligned, zeroed memory of its own mapping. Move-only.
class AlignedMemory {
 public:
  // `bytes` is a multiple of direct_block_bytes. Pages cost memory only once they are written.
  static std::expected<AlignedMemory, Fault> map(std::size_t bytes);
  AlignedMemory() = default;
  AlignedMemory(AlignedMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  AlignedMemory& operator=(AlignedMemory&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~AlignedMemory();

  MutableBytes bytes() const { return bytes_; }

 private:
  MutableBytes bytes_;
};

// Owns the descriptor. Any one core may use it; requests of several cores at a time are the
// kernel's business and safe as long as their ranges do not overlap.
class DirectFile {
 public:
  // Blocks the thread. The file must exist; its size is asked for and stays.
  static std::expected<DirectFile, Fault> open(const std::string& path);
  // Blocks the thread for as long as writing `bytes` of zeros takes (some 0.7 s per GiB): for the
  // start of the program or a thread of its own. The file gets its name only when it is whole and
  // durable; EEXIST when the name is taken. Nothing remains after a Fault.
  // `next_step` is asked before every write how many zeros to write (a multiple of
  // direct_block_bytes, at most fill_step_bytes): it may take its time, and 0 leaves the rest
  // reserved but not written (it reads as zeros, and costs more when it is written for the first
  // time).
  static std::expected<DirectFile, Fault> create(
      const std::string& path, std::uint64_t bytes,
      const std::function<std::size_t()>& next_step = {});
  DirectFile(DirectFile&& other) noexcept
      : file_(std::exchange(other.file_, -1)),
        bytes_(other.bytes_),
        path_(std::move(other.path_)) {}
  DirectFile& operator=(DirectFile&& other) noexcept;
  ~DirectFile();

  // Blocks the thread. Fills `target` from `offset` on; fewer octets only at the end of the file.
  std::expected<std::size_t, Fault> read(std::uint64_t offset, MutableBytes target) const;

  int file() const { return file_; }
  std::uint64_t bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  DirectFile(int file, std::uint64_t bytes, std::string path)
      : file_(file), bytes_(bytes), path_(std::move(path)) {}

  int file_ = -1;
  std::uint64_t bytes_ = 0;
  std::string path_;
};

// One transfer at a time between a DirectFile and a vector of memory: caller-owned, no allocation.
// It goes on after short transfers, cuts at IOV_MAX and tries again after EINTR and (a bounded
// number of times) EAGAIN. It must stay where it is, with `file`, `parts` and the memory they name,
// until Done was called; Done may start the next transfer or free the owner.
class DirectTransfer {
 public:
  // Octets transferred: for a write always all of them; for a read fewer only at the end of the
  // file.
  using Result = std::expected<std::size_t, Fault>;
  using Done = void (*)(DirectTransfer&, Result);

  DirectTransfer(ring::Ring& ring, Done done) : ring_(ring), done_(done) {}

  // Writes with RWF_DSYNC: success means that the octets are on stable storage. The vector lies
  // within the file's size; the elements of `parts` are used up.
  void write_durably(const DirectFile& file, std::uint64_t offset, std::span<iovec> parts);
  void read(const DirectFile& file, std::uint64_t offset, std::span<iovec> parts);
  bool in_flight() const { return operation_.in_flight(); }

 private:
  enum class Direction : std::uint8_t { Read, Write };

  void start(Direction direction, const DirectFile& file, std::uint64_t offset,
             std::span<iovec> parts);
  void prepare();
  void step_done(ring::Completion completion);
  void skip(std::size_t octets);
  Fault fault(int code) const;

  ring::Ring& ring_;
  Done done_;
  const DirectFile* file_ = nullptr;
  std::span<iovec> parts_;
  std::uint64_t offset_ = 0;
  std::size_t transferred_ = 0;
  unsigned retries_ = 0;
  Direction direction_ = Direction::Read;
  ring::OperationOf<DirectTransfer, &DirectTransfer::step_done> operation_{*this};
};

// A DirectTransfer whose end calls a member function of the object that holds it.
template <class Owner, void (Owner::*handler)(DirectTransfer::Result)>
class DirectTransferOf : public DirectTransfer {
 public:
  DirectTransferOf(ring::Ring& ring, Owner& owner)
      : DirectTransfer(ring, &DirectTransferOf::dispatch), owner_(owner) {}

 private:
  static void dispatch(DirectTransfer& transfer, Result result) {
    (static_cast<DirectTransferOf&>(transfer).owner_.*handler)(std::move(result));
  }

  Owner& owner_;
};

// The same for a Task: co_await gives a DirectTransfer::Result.
class [[nodiscard]] DirectRequest : private DirectTransfer {
 public:
  using Start = void (DirectTransfer::*)(const DirectFile&, std::uint64_t, std::span<iovec>);
  DirectRequest(ring::Ring& ring, Start start, const DirectFile& file, std::uint64_t offset,
                std::span<iovec> parts)
      : DirectTransfer(ring, &DirectRequest::finished),
        start_(start),
        file_(file),
        offset_(offset),
        parts_(parts) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    (this->*start_)(file_, offset_, parts_);
  }
  Result await_resume() { return std::move(result_); }

 private:
  static void finished(DirectTransfer& transfer, Result result) {
    auto& self = static_cast<DirectRequest&>(transfer);
    self.result_ = std::move(result);
    self.waiting_.resume();
  }

  Start start_;
  const DirectFile& file_;
  std::uint64_t offset_;
  std::span<iovec> parts_;
  std::coroutine_handle<> waiting_{};
  Result result_{0};
};

// `file`, `parts` and the memory they name must outlive the co_await.
inline DirectRequest write_durably(ring::Ring& ring, const DirectFile& file, std::uint64_t offset,
                                   std::span<iovec> parts) {
  return {ring, &DirectTransfer::write_durably, file, offset, parts};
}
inline DirectRequest read(ring::Ring& ring, const DirectFile& file, std::uint64_t offset,
                          std::span<iovec> parts) {
  return {ring, &DirectTransfer::read, file, offset, parts};
}

}  // namespace ringpost::disk
