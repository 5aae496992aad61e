// The numbers of the chunks are in their headers, so nothing else has to be kept.
#include "engine/mta/decision_file.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/decision/chunk.h"

namespace ringpost::mta {
namespace {

std::uint64_t last_sequence(int file, std::uint64_t octets) {
  std::uint64_t last = 0;
  std::array<std::byte, store::chunk_header_octets> header;
  for (std::uint64_t at = 0; at + store::chunk_octets <= octets; at += store::chunk_octets) {
    if (pread(file, header.data(), header.size(), static_cast<off_t>(at)) !=
        static_cast<ssize_t>(header.size()))
      continue;
    last = std::max(last, store::chunk_sequence(header).value_or(0));
  }
  return last;
}

}  // namespace

std::expected<std::unique_ptr<DecisionFile>, Fault> DecisionFile::open(const std::string& path,
                                                                       std::uint64_t octets) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return std::unexpected(Fault{"open", errno, path});
  const std::uint64_t chunks = std::max<std::uint64_t>(octets / store::chunk_octets, 1);
  std::unique_ptr<DecisionFile> self(new DecisionFile(file, path, chunks));
  struct stat found{};
  if (fstat(file, &found) != 0) return std::unexpected(Fault{"stat", errno, path});
  self->last_ = last_sequence(file, static_cast<std::uint64_t>(found.st_size));
  if (ftruncate(file, static_cast<off_t>(chunks * store::chunk_octets)) != 0)
    return std::unexpected(Fault{"truncate", errno, path});
  return self;
}

DecisionFile::~DecisionFile() { close(file_); }

// A write that is under way has a quarter of the file's time to end.
bool DecisionFile::is_current(std::uint64_t sequence) const {
  return last_.load(std::memory_order_relaxed) - sequence < chunks_ - chunks_ / 4;
}

DecisionFile::Chunk DecisionFile::claim() {
  const std::uint64_t sequence = last_.fetch_add(1, std::memory_order_relaxed) + 1;
  return {sequence, store::chunk_offset(sequence, chunks_)};
}

}  // namespace ringpost::mta
