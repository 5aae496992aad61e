// DmarcFolder: where rows for DMARC's aggregate reports lie, `reports` in the spool's folder, and
// to which period a row belongs. Shared by all cores, which write, and the thread that reads and
// sends.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/base/fault.h"

namespace ringpost::mta {

// Seconds since 1970, both of them in it.
struct ReportPeriod {
  std::uint64_t begin = 0, end = 0;
  auto operator<=>(const ReportPeriod&) const = default;
};

// One file of the folder: "rows.BEGIN.END.…", or "sent.BEGIN.END": whom the reports of a period
// have reached.
struct ReportFile {
  bool is_rows = false;
  ReportPeriod period = {};
  std::string name = {};
};
std::optional<ReportFile> parse_report_file(std::string_view name);

class DmarcFolder {
 public:
  // Blocks the thread. Makes the folder; goes on behind the last period that was closed early.
  static std::expected<std::unique_ptr<DmarcFolder>, Fault> open(const std::string& path,
                                                                 WallTime now);
  ~DmarcFolder();
  DmarcFolder(const DmarcFolder&) = delete;
  DmarcFolder& operator=(const DmarcFolder&) = delete;

  // Any thread. Periods are multiples of the interval since 1970, unless one was closed.
  ReportPeriod period_of(std::uint64_t second, Duration interval) const;
  // The thread that sends: rows from `second` on belong to another period.
  void close_before(std::uint64_t second) { closed_ = second; }
  std::uint64_t closed() const { return closed_; }
  // Any thread: a name that no other core, and no process before, uses.
  std::string rows_name(ReportPeriod period, unsigned core) const;
  // Blocks the thread: what is there, by name.
  std::vector<ReportFile> files() const;

  int file() const { return file_; }
  const std::string& path() const { return path_; }

 private:
  DmarcFolder(int file, std::string path, WallTime now)
      : file_(file), path_(std::move(path)), stamp_(now.us) {}

  int file_;
  std::string path_;
  std::int64_t stamp_;
  std::atomic<std::uint64_t> closed_{0};
};

}  // namespace ringpost::mta
