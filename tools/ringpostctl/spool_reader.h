// SpoolReader: the spool read without the daemon, by the same recovery that the daemon uses. It
// opens files for reading only. Beside a running daemon it sees a state of the recent past:
// segments are read one after another, and what was removed meanwhile is reported as changed, not
// as damaged.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/fault.h"
#include "proto/base/queue_id.h"
#include "store/log/recovery.h"
#include "store/spool/envelope.h"

namespace ringpost::ctl {

// Why octets that the spool names cannot be had.
struct Flaw {
  std::string file = {};  // empty: no file holds the segment
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::string reason = {};
  bool changed = false;  // the daemon has freed or reused the segment since it was read
};
std::string to_text(const Flaw& flaw);

// A file opened for reading; closes itself.
class ReadFile {
 public:
  static std::expected<ReadFile, Fault> open(const std::string& path);
  ReadFile(ReadFile&& other) noexcept;
  ReadFile& operator=(ReadFile&&) = delete;
  ~ReadFile();

  std::uint64_t octets() const { return octets_; }
  // The octets at `offset`; fewer than asked for only at the end of the file.
  std::expected<std::size_t, Fault> read(std::uint64_t offset, MutableBytes room) const;

 private:
  ReadFile(int file, std::uint64_t octets) : file_(file), octets_(octets) {}
  int file_;
  std::uint64_t octets_;
};

class SpoolReader {
 public:
  // Reads every segment-N file in `folder` and in the folders right below it.
  static std::expected<SpoolReader, Fault> open(const std::string& folder);

  // The live messages by id, what is damaged, what is torn.
  const store::RecoveredSpool& spool() const { return spool_; }
  std::size_t segments() const { return files_.size(); }
  // Where the damage lies; its `slot` is the position of the file in this reader.
  const std::string& file_of(const store::Damage& damage) const { return files_[damage.slot].path; }
  const store::MessageSummary* find(QueueId id) const;

  // The whole Envelope of a live message, with what is known of its recipients now.
  std::expected<store::Envelope, Flaw> envelope(const store::MessageSummary& message) const;
  // Compares the content with its checksums.
  std::expected<void, Flaw> verify(std::span<const store::Extent> extents) const;
  // Gives the content in pieces, in order, each extent only after it verified. `take` returns false
  // to stop early, which is no flaw.
  std::expected<void, Flaw> read(std::span<const store::Extent> extents,
                                 const std::function<bool(Bytes)>& take) const;

 private:
  struct SegmentFile {
    std::string path;
    ReadFile file;
  };
  struct Listed {
    std::uint32_t slot = 0;
    std::optional<store::SegmentHeader> header;  // at the beginning
  };
  explicit SpoolReader(std::vector<SegmentFile> files) : files_(std::move(files)) {}
  std::expected<store::SegmentReport, Fault> scan(std::uint32_t slot) const;
  std::expected<store::SegmentReport, Fault> scan_once(std::uint32_t slot) const;
  std::expected<void, Fault> recover();
  std::vector<Listed> newest_first() const;
  std::optional<store::SegmentHeader> header(std::uint32_t slot) const;
  bool changed(std::uint32_t slot, store::SegmentId segment) const;
  Flaw flaw(const store::Extent& extent, std::string reason) const;
  std::expected<void, Flaw> each_piece(const store::Extent& extent,
                                       const std::function<bool(Bytes)>& take) const;

  std::vector<SegmentFile> files_;
  std::unordered_map<store::SegmentId, std::uint32_t> slots_;
  store::RecoveredSpool spool_;
};

}  // namespace ringpost::ctl
