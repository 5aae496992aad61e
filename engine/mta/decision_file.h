// DecisionFile: the ring file of decisions, in the spool's folder: which chunk is written next.
// Shared by all cores; a core claims a chunk and is the only one to write it. Its octets stand in
// store/decision/README.md. What it fails at costs explanations, never mail.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "proto/base/fault.h"

namespace ringpost::mta {

class DecisionFile {
 public:
  // Blocks the thread. Makes the file, or goes on with the one that is there, with the chunk after
  // the last one that was claimed. Its blocks are taken from the disk as they are written.
  static std::expected<std::unique_ptr<DecisionFile>, Fault> open(const std::string& path,
                                                                  std::uint64_t octets);
  ~DecisionFile();
  DecisionFile(const DecisionFile&) = delete;
  DecisionFile& operator=(const DecisionFile&) = delete;

  // Any thread: a chunk that is nobody else's until the file has gone round.
  struct Chunk {
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0;
  };
  Chunk claim();
  // Any thread: the file has not nearly gone round since the chunk was claimed, so it is still the
  // only one there.
  bool is_current(std::uint64_t sequence) const;

  int file() const { return file_; }
  const std::string& path() const { return path_; }

 private:
  DecisionFile(int file, std::string path, std::uint64_t chunks)
      : file_(file), path_(std::move(path)), chunks_(chunks) {}

  int file_;
  std::string path_;
  std::uint64_t chunks_;
  std::atomic<std::uint64_t> last_{0};  // claimed
};

}  // namespace ringpost::mta
