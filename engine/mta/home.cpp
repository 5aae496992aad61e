// Folders and locks: see home.h.
#include "engine/mta/home.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ring/clock.h"
#include "proto/conf/config.h"

namespace ringpost::mta {
namespace {

constexpr unsigned lock_pause_us = 20'000;

}  // namespace

Home Home::standard() {
  return {.folder = "",
          .config_file = "/etc/ringpost/smtpd.conf",
          .spool = "/var/spool/ringpost",
          .run = "/run/ringpost",
          .log = "/var/log/ringpost.log"};
}

Home Home::below(std::string folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return {.folder = folder,
          .config_file = folder + "/smtpd.conf",
          .spool = folder + "/spool",
          .run = folder + "/run",
          .log = folder + "/ringpostd.log"};
}

const std::string& spool_folder(const Home& home, const conf::Config& config) {
  return config.spool.path.empty() ? home.spool : config.spool.path;
}

std::expected<void, Fault> make_folders(const std::string& path, unsigned above_mode) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    const bool is_last = at == std::string::npos;
    const bool made = mkdir(part.c_str(), is_last ? 0700 : above_mode) == 0 || errno == EEXIST;
    if (!is_last) continue;
    if (!made) return std::unexpected(Fault{"mkdir", errno, part});
    return {};
  }
}

std::expected<void, Fault> let_others_through(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::unexpected(Fault{"stat", errno, path});
  const mode_t wanted = (status.st_mode & 07777) | S_IXGRP | S_IXOTH;
  if (wanted == (status.st_mode & 07777)) return {};
  if (chmod(path.c_str(), wanted) != 0) return std::unexpected(Fault{"chmod", errno, path});
  return {};
}

std::expected<FileLock, Fault> FileLock::take(const std::string& path, Duration wait_max) {
  FileLock lock;
  lock.file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock.file_ < 0) return std::unexpected(Fault{"open", errno, path});
  const Instant deadline = ring::monotonic_now() + wait_max;
  while (flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || ring::monotonic_now() >= deadline)
      return std::unexpected(Fault{"lock", errno, path});
    usleep(lock_pause_us);
  }
  return lock;
}

FileLock::~FileLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace ringpost::mta
