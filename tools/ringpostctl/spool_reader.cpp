// Buffered reads of files that a daemon may be writing with O_DIRECT: what is half written fails
// its checksum, as after a crash, and is looked at once more before it is called damaged.
#include "tools/ringpostctl/spool_reader.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/ascii.h"
#include "proto/base/crc32c.h"

namespace ringpost::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_octets = std::size_t{1} << 20;
constexpr std::string_view segment_prefix = "segment-";

// Longer than a write in flight takes.
constexpr auto second_look_after = std::chrono::milliseconds(100);

bool is_segment_name(const std::string& name) {
  return name.starts_with(segment_prefix) &&
         ascii::parse_decimal<std::uint32_t>(std::string_view(name).substr(segment_prefix.size()));
}

// Segment files in the folder itself, and in `below` a list of its folders.
std::expected<void, Fault> list_folder(const fs::path& folder, std::vector<std::string>& segments,
                                       std::vector<fs::path>* below) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (below != nullptr && entry->is_directory(ignored)) {
      below->push_back(entry->path());
    } else if (is_segment_name(entry->path().filename().string())) {
      segments.push_back(entry->path().string());
    }
  }
  if (error) return std::unexpected(Fault{"open", error.value(), folder.string()});
  return {};
}

std::expected<std::vector<std::string>, Fault> list_segments(const std::string& folder) {
  std::vector<std::string> segments;
  std::vector<fs::path> below;
  if (auto listed = list_folder(folder, segments, &below); !listed) {
    return std::unexpected(listed.error());
  }
  for (const fs::path& path : below) {
    if (auto listed = list_folder(path, segments, nullptr); !listed) {
      return std::unexpected(listed.error());
    }
  }
  std::ranges::sort(segments);
  return segments;
}

}  // namespace

std::string to_text(const Flaw& flaw) {
  if (flaw.file.empty()) return fmt::format("segment {}: {}", flaw.segment, flaw.reason);
  return fmt::format("{} at octet {}: {}", flaw.file, flaw.offset, flaw.reason);
}

std::expected<ReadFile, Fault> ReadFile::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return std::unexpected(Fault{"open", errno, path});
  struct stat status{};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    return std::unexpected(Fault{"open", EINVAL, path});
  }
  return ReadFile(file, static_cast<std::uint64_t>(status.st_size));
}

ReadFile::ReadFile(ReadFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)), octets_(other.octets_) {}

ReadFile::~ReadFile() {
  if (file_ >= 0) close(file_);
}

std::expected<std::size_t, Fault> ReadFile::read(std::uint64_t offset, MutableBytes room) const {
  std::size_t done = 0;
  while (done < room.size()) {
    const ssize_t count =
        pread(file_, room.data() + done, room.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(Fault{"read", errno});
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

std::expected<SpoolReader, Fault> SpoolReader::open(const std::string& folder) {
  const auto paths = list_segments(folder);
  if (!paths) return std::unexpected(paths.error());
  std::vector<SegmentFile> files;
  for (const std::string& path : *paths) {
    auto file = ReadFile::open(path);
    // The daemon gave the space of a free segment back to the file system.
    if (!file && file.error().code == ENOENT) continue;
    if (!file) return std::unexpected(file.error());
    files.push_back({path, std::move(*file)});
  }
  SpoolReader reader(std::move(files));
  if (auto recovered = reader.recover(); !recovered) return std::unexpected(recovered.error());
  return reader;
}

// The newest segment first: a later one says where its predecessor ended, and what the daemon
// appends there meanwhile must not look as if it were missing.
std::vector<SpoolReader::Listed> SpoolReader::newest_first() const {
  std::vector<Listed> listed;
  for (std::uint32_t slot = 0; slot < files_.size(); ++slot) {
    listed.push_back({slot, header(slot)});
  }
  std::ranges::sort(listed, std::greater{}, [](const Listed& entry) {
    return entry.header ? entry.header->segment : store::SegmentId{};
  });
  return listed;
}

std::expected<void, Fault> SpoolReader::recover() {
  store::Recovery recovery;
  for (const Listed& listed : newest_first()) {
    auto report = scan(listed.slot);
    if (!report) return std::unexpected(report.error());
    // Reused since it was listed: its new life belongs to a later state than the one that is shown.
    if (listed.header && report->segment != listed.header->segment) continue;
    if (report->segment.value != 0) slots_[report->segment] = listed.slot;
    recovery.add(std::move(*report));
  }
  const std::vector<store::Extent> unverified = recovery.unverified();
  for (std::size_t i = 0; i < unverified.size(); ++i) {
    recovery.verified(i, verify({&unverified[i], 1}).has_value());
  }
  spool_ = recovery.finish();
  return {};
}

std::expected<store::SegmentReport, Fault> SpoolReader::scan(std::uint32_t slot) const {
  auto report = scan_once(slot);
  if (!report || report->damage.empty()) return report;
  std::this_thread::sleep_for(second_look_after);
  return scan_once(slot);
}

std::expected<store::SegmentReport, Fault> SpoolReader::scan_once(std::uint32_t slot) const {
  const SegmentFile& segment = files_[slot];
  const auto octets = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(segment.file.octets(), store::segment_octets_max) /
      store::block_octets * store::block_octets);
  store::SegmentScan scan(slot, octets);
  std::vector<std::byte> room(std::min<std::size_t>(piece_octets, octets));
  while (scan.wanted() < octets) {
    const std::uint32_t offset = scan.wanted();
    const std::size_t wanted = std::min<std::size_t>(room.size(), octets - offset);
    auto count = segment.file.read(offset, MutableBytes(room).first(wanted));
    if (!count) {
      count.error().path = segment.path;
      return std::unexpected(count.error());
    }
    if (*count < wanted) break;
    scan.push(Bytes(room).first(wanted));
  }
  return scan.report();
}

const store::MessageSummary* SpoolReader::find(QueueId id) const {
  const auto found = std::ranges::lower_bound(spool_.messages, id, {}, &store::MessageSummary::id);
  return found != spool_.messages.end() && found->id == id ? &*found : nullptr;
}

std::optional<store::SegmentHeader> SpoolReader::header(std::uint32_t slot) const {
  store::Block block{};
  const auto count = files_[slot].file.read(0, block);
  if (!count || *count < block.size()) return std::nullopt;
  return store::decode_segment_header(block);
}

bool SpoolReader::changed(std::uint32_t slot, store::SegmentId segment) const {
  const auto now = header(slot);
  return now && (now->segment != segment || now->state == store::SegmentState::Free);
}

Flaw SpoolReader::flaw(const store::Extent& extent, std::string reason) const {
  const auto slot = slots_.find(extent.segment);
  if (slot == slots_.end()) {
    return {.segment = extent.segment.value, .offset = extent.offset, .reason = "no file holds it"};
  }
  return {.file = files_[slot->second].path,
          .segment = extent.segment.value,
          .offset = extent.offset,
          .reason = std::move(reason),
          .changed = changed(slot->second, extent.segment)};
}

std::expected<void, Flaw> SpoolReader::each_piece(const store::Extent& extent,
                                                  const std::function<bool(Bytes)>& take) const {
  const auto slot = slots_.find(extent.segment);
  if (slot == slots_.end()) return std::unexpected(flaw(extent, {}));
  std::vector<std::byte> room(std::min<std::size_t>(piece_octets, extent.length));
  for (std::uint32_t done = 0; done < extent.length;) {
    const std::size_t wanted = std::min<std::size_t>(room.size(), extent.length - done);
    const auto count = files_[slot->second].file.read(std::uint64_t{extent.offset} + done,
                                                      MutableBytes(room).first(wanted));
    if (!count) return std::unexpected(flaw(extent, to_text(count.error())));
    if (*count < wanted) return std::unexpected(flaw(extent, "the file is too short"));
    if (!take(Bytes(room).first(wanted))) return {};
    done += static_cast<std::uint32_t>(wanted);
  }
  return {};
}

std::expected<void, Flaw> SpoolReader::verify(std::span<const store::Extent> extents) const {
  for (const store::Extent& extent : extents) {
    std::uint32_t crc = 0;
    const auto summed = each_piece(extent, [&](Bytes octets) {
      crc = crc32c(crc, octets);
      return true;
    });
    if (!summed) return summed;
    if (crc != extent.crc) return std::unexpected(flaw(extent, "the checksum does not match"));
  }
  return {};
}

std::expected<void, Flaw> SpoolReader::read(std::span<const store::Extent> extents,
                                            const std::function<bool(Bytes)>& take) const {
  bool wanted = true;
  for (const store::Extent& extent : extents) {
    if (auto verified = verify({&extent, 1}); !verified) return verified;
    const auto given = each_piece(extent, [&](Bytes octets) { return wanted = take(octets); });
    if (!given || !wanted) return given;
  }
  return {};
}

std::expected<store::Envelope, Flaw> SpoolReader::envelope(
    const store::MessageSummary& message) const {
  std::vector<std::byte> payload;
  if (auto verified = verify({&message.envelope, 1}); !verified) {
    return std::unexpected(verified.error());
  }
  const auto read = each_piece(message.envelope, [&](Bytes octets) {
    payload.insert(payload.end(), octets.begin(), octets.end());
    return true;
  });
  if (!read) return std::unexpected(read.error());
  auto envelope = store::decode_envelope(payload);
  if (!envelope) return std::unexpected(flaw(message.envelope, "the envelope cannot be read"));
  store::apply_progress(message, *envelope);
  return std::move(*envelope);
}

}  // namespace ringpost::ctl
