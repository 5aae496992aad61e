// The names say all that has to be known of a period: see dmarc_folder.h.
#include "engine/mta/dmarc_folder.h"

#include <algorithm>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "engine/mta/home.h"
#include "proto/base/ascii.h"

namespace ringpost::mta {

std::optional<ReportFile> parse_report_file(std::string_view name) {
  ReportFile file{.is_rows = name.starts_with("rows."), .name = std::string(name)};
  if (!file.is_rows && !name.starts_with("sent.")) return std::nullopt;
  std::string_view rest = name.substr(5);
  for (std::uint64_t* number : {&file.period.begin, &file.period.end}) {
    const auto value = ascii::parse_decimal<std::uint64_t>(rest.substr(0, rest.find('.')));
    if (!value) return std::nullopt;
    *number = *value;
    rest.remove_prefix(std::min(rest.find('.'), rest.size() - 1) + 1);
  }
  if (file.period.end < file.period.begin) return std::nullopt;
  return file;
}

std::expected<std::unique_ptr<DmarcFolder>, Fault> DmarcFolder::open(const std::string& path,
                                                                     WallTime now) {
  if (auto made = make_folders(path); !made) return std::unexpected(made.error());
  const int file = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return std::unexpected(Fault{"open", errno, path});
  std::unique_ptr<DmarcFolder> self(new DmarcFolder(file, path, now));
  const auto second = static_cast<std::uint64_t>(now.seconds());
  for (const ReportFile& one : self->files())
    if (one.period.end < second) self->closed_ = std::max(self->closed_.load(), one.period.end + 1);
  return self;
}

DmarcFolder::~DmarcFolder() { close(file_); }

ReportPeriod DmarcFolder::period_of(std::uint64_t second, Duration interval) const {
  const auto length = static_cast<std::uint64_t>(std::max<std::int64_t>(interval.seconds(), 1));
  const std::uint64_t regular = second - second % length;
  const std::uint64_t closed = closed_.load(std::memory_order_acquire);
  const std::uint64_t end = regular + length - 1;
  // A clock that went back: what is closed stays closed.
  return {std::max(regular, closed), std::max(end, closed)};
}

std::string DmarcFolder::rows_name(ReportPeriod period, unsigned core) const {
  return fmt::format("rows.{}.{}.{}.{}", period.begin, period.end, stamp_, core);
}

std::vector<ReportFile> DmarcFolder::files() const {
  std::vector<ReportFile> files;
  const int copy = openat(file_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* listing = copy < 0 ? nullptr : fdopendir(copy);
  if (listing == nullptr) {
    if (copy >= 0) close(copy);
    return files;
  }
  while (const dirent* entry = readdir(listing))
    if (auto file = parse_report_file(entry->d_name)) files.push_back(std::move(*file));
  closedir(listing);
  std::ranges::sort(files, {}, &ReportFile::name);
  return files;
}

}  // namespace ringpost::mta
