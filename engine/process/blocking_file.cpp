// Files of an agent: see blocking_file.h.
#include "engine/process/blocking_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace ringpost::process {

std::expected<File, Fault> File::open(const std::string& path, int flags, mode_t mode) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (file < 0) return std::unexpected(Fault{"open", errno, path});
  return File(file, path);
}

File::~File() {
  if (file_ >= 0) ::close(file_);
}

std::expected<struct stat, Fault> File::status() const {
  struct stat status{};
  if (fstat(file_, &status) != 0) return std::unexpected(fault("stat", errno));
  return status;
}

std::expected<void, Fault> File::write(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t done = ::write(file_, octets.data(), octets.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return std::unexpected(fault("write", done == 0 ? ENOSPC : errno));
    octets.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

std::expected<std::string, Fault> File::read(std::size_t octets_max) {
  std::string text;
  char room[16'384];
  while (text.size() <= octets_max) {
    const ssize_t done = ::read(file_, room, sizeof room);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return std::unexpected(fault("read", errno));
    if (done == 0) return text;
    text.append(room, static_cast<std::size_t>(done));
  }
  return std::unexpected(fault("read", EFBIG));
}

std::expected<void, Fault> File::sync() {
  if (fsync(file_) != 0) return std::unexpected(fault("fsync", errno));
  return {};
}

std::expected<void, Fault> File::close() {
  if (::close(std::exchange(file_, -1)) != 0) return std::unexpected(fault("close", errno));
  return {};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::expected<void, Fault> sync_folder(const std::string& path) {
  auto folder = File::open(path, O_RDONLY | O_DIRECTORY);
  if (!folder) return std::unexpected(folder.error());
  return folder->sync();
}

}  // namespace ringpost::process
