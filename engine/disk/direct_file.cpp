// DirectFile: see direct_file.h. A file system without O_DIRECT is reported as EINVAL at opening.
#include "engine/disk/direct_file.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"

namespace ringpost::disk {
namespace {

constexpr unsigned retries_max = 16;

bool aligned(std::uint64_t value) { return value % direct_block_bytes == 0; }

std::uint64_t address_of(const void* memory) { return reinterpret_cast<std::uintptr_t>(memory); }

std::unexpected<Fault> fault_of(std::string_view operation, const std::string& path) {
  return std::unexpected(Fault{operation, errno, path});
}

std::expected<void, Fault> fill_with_zeros(int file, std::uint64_t bytes, const std::string& path,
                                           const std::function<std::size_t()>& next_step) {
  auto zeros = AlignedMemory::map(fill_step_bytes);
  if (!zeros) return std::unexpected(zeros.error());
  // Claims the space in as few extents as possible; where it is not supported, writing does it.
  const bool reserved = fallocate(file, 0, 0, static_cast<off_t>(bytes)) == 0;
  if (!reserved && errno != EOPNOTSUPP) return fault_of("fallocate", path);
  for (std::uint64_t offset = 0; offset < bytes;) {
    std::size_t step = next_step ? next_step() : fill_step_bytes;
    CHECK(aligned(step) && step <= fill_step_bytes);
    if (step == 0 && reserved) break;
    if (step == 0) step = fill_step_bytes;
    const std::size_t wanted = std::min<std::uint64_t>(bytes - offset, step);
    const ssize_t done = pwrite(file, zeros->bytes().data(), wanted, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done == 0) errno = EIO;
    if (done <= 0) return fault_of("write", path);
    offset += static_cast<std::uint64_t>(done);
  }
  if (fsync(file) != 0) return fault_of("fsync", path);
  return {};
}

std::expected<void, Fault> sync_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return fault_of("open", directory);
  std::expected<void, Fault> result;
  if (fsync(file) != 0) result = fault_of("fsync", directory);
  close(file);
  return result;
}

// The name appears only when the contents are durable, and never replaces a file that exists.
std::expected<void, Fault> give_name(const std::string& from, const std::string& path) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    auto fault = fault_of("rename", path);
    unlink(from.c_str());
    return fault;
  }
  auto synced = sync_directory_of(path);
  if (!synced) unlink(path.c_str());
  return synced;
}

}  // namespace

std::expected<AlignedMemory, Fault> AlignedMemory::map(std::size_t bytes) {
  CHECK(bytes > 0 && aligned(bytes));
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return std::unexpected(Fault{"mmap", errno});
  AlignedMemory self;
  self.bytes_ = {static_cast<std::byte*>(memory), bytes};
  return self;
}

AlignedMemory::~AlignedMemory() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

std::expected<DirectFile, Fault> DirectFile::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
  if (file < 0) return fault_of("open", path);
  DirectFile self(file, 0, path);
  struct stat status{};
  if (fstat(file, &status) != 0) return fault_of("fstat", path);
  self.bytes_ = static_cast<std::uint64_t>(status.st_size);
  return self;
}

std::expected<DirectFile, Fault> DirectFile::create(const std::string& path, std::uint64_t bytes,
                                                    const std::function<std::size_t()>& next_step) {
  CHECK(bytes > 0 && aligned(bytes));
  const std::string unfinished = path + ".new";  // what a crash may leave is overwritten here
  const int file = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC,
                          S_IRUSR | S_IWUSR);
  if (file < 0) return fault_of("open", unfinished);
  DirectFile self(file, bytes, path);
  if (auto filled = fill_with_zeros(file, bytes, path, next_step); !filled) {
    unlink(unfinished.c_str());
    return std::unexpected(filled.error());
  }
  if (auto named = give_name(unfinished, path); !named) return std::unexpected(named.error());
  return self;
}

DirectFile& DirectFile::operator=(DirectFile&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(bytes_, other.bytes_);
  std::swap(path_, other.path_);
  return *this;
}

DirectFile::~DirectFile() {
  if (file_ >= 0) close(file_);
}

std::expected<std::size_t, Fault> DirectFile::read(std::uint64_t offset,
                                                   MutableBytes target) const {
  CHECK(aligned(offset) && aligned(target.size()) && aligned(address_of(target.data())));
  std::size_t filled = 0;
  while (filled < target.size()) {
    const ssize_t done = pread(file_, target.data() + filled, target.size() - filled,
                               static_cast<off_t>(offset + filled));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return fault_of("read", path_);
    filled += static_cast<std::size_t>(done);
    if (done == 0 || offset + filled >= bytes_) break;
  }
  return filled;
}

void DirectTransfer::write_durably(const DirectFile& file, std::uint64_t offset,
                                   std::span<iovec> parts) {
  start(Direction::Write, file, offset, parts);
}

void DirectTransfer::read(const DirectFile& file, std::uint64_t offset, std::span<iovec> parts) {
  start(Direction::Read, file, offset, parts);
}

void DirectTransfer::start(Direction direction, const DirectFile& file, std::uint64_t offset,
                           std::span<iovec> parts) {
  CHECK(!in_flight());
  std::uint64_t total = 0;
  for (const iovec& part : parts) {
    CHECK(aligned(address_of(part.iov_base)) && aligned(part.iov_len) && part.iov_len > 0);
    total += part.iov_len;
  }
  CHECK(total > 0 && aligned(offset));
  // Writing past the end would make blocks that are not pre-written: slow, and never meant.
  CHECK(direction == Direction::Read || offset + total <= file.bytes());
  direction_ = direction;
  file_ = &file;
  parts_ = parts;
  offset_ = offset;
  transferred_ = 0;
  retries_ = 0;
  prepare();
}

void DirectTransfer::prepare() {
  const auto count = static_cast<unsigned>(std::min<std::size_t>(parts_.size(), IOV_MAX));
  io_uring_sqe* sqe = ring_.entry();
  if (direction_ == Direction::Write) {
    io_uring_prep_writev2(sqe, file_->file(), parts_.data(), count, offset_, RWF_DSYNC);
  } else {
    io_uring_prep_readv2(sqe, file_->file(), parts_.data(), count, offset_, 0);
  }
  ring_.bind(sqe, operation_);
}

// Nothing of *this is touched after done_: it may have been freed or started again.
void DirectTransfer::step_done(ring::Completion completion) {
  const int result = completion.result;
  if (result == -EINTR || (result == -EAGAIN && retries_++ < retries_max)) {
    prepare();
    return;
  }
  if (result < 0 || (result == 0 && direction_ == Direction::Write)) {
    done_(*this, std::unexpected(fault(result < 0 ? -result : EIO)));
    return;
  }
  skip(static_cast<std::size_t>(result));
  const bool at_end_of_file = result == 0 || offset_ >= file_->bytes();
  if (parts_.empty() || (direction_ == Direction::Read && at_end_of_file)) {
    done_(*this, transferred_);
    return;
  }
  retries_ = 0;
  prepare();
}

void DirectTransfer::skip(std::size_t octets) {
  offset_ += octets;
  transferred_ += octets;
  while (octets > 0) {
    iovec& part = parts_.front();
    const std::size_t taken = std::min(octets, part.iov_len);
    part.iov_base = static_cast<std::byte*>(part.iov_base) + taken;
    part.iov_len -= taken;
    octets -= taken;
    if (part.iov_len == 0) parts_ = parts_.subspan(1);
  }
}

Fault DirectTransfer::fault(int code) const {
  return {direction_ == Direction::Write ? "write" : "read", code, file_->path()};
}

}  // namespace ringpost::disk
