// Home: where a daemon reads and writes. With a home folder everything lies below it; without one
// the system's paths hold. FileLock: one daemon per home and per spool, for as long as the process
// lives.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "proto/base/clock.h"
#include "proto/base/fault.h"

namespace ringpost::conf {
struct Config;
}

namespace ringpost::mta {

// A daemon that was killed may take this long to vanish, with its locks and ports.
inline constexpr Duration predecessor_wait_max = seconds(5);

struct Home {
  std::string folder;  // empty: the system's paths
  std::string config_file;
  std::string spool;
  std::string run;  // lock and control socket
  std::string
      log;  // used when the daemon goes to the background and the configuration names no log

  static Home standard();
  static Home below(std::string folder);
  std::string control_socket() const { return run + "/control.sock"; }
  // Where programs of this machine hand in mail by SMTP.
  std::string smtp_socket() const { return run + "/smtp.sock"; }
  // Where they leave it while no daemon answers. Known to them without reading the configuration,
  // so it does not move with `spool path`.
  std::string offline_folder() const { return spool + "/offline"; }
  std::string lock_file() const { return run + "/ringpostd.lock"; }
};

// Where the spool lies: `spool path` of the configuration moves it.
const std::string& spool_folder(const Home& home, const conf::Config& config);
// Makes a folder, with mode 0700, and those above it.
std::expected<void, Fault> make_folders(const std::string& path, unsigned above_mode = 0700);
// Lets other users through a folder of ours to what they know the name of; they still cannot list
// it.
std::expected<void, Fault> let_others_through(const std::string& path);

class FileLock {
 public:
  FileLock() = default;
  // EWOULDBLOCK: another process holds it, and has not let it go within `wait_max`.
  static std::expected<FileLock, Fault> take(const std::string& path, Duration wait_max = {});
  FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~FileLock();

 private:
  int file_ = -1;
};

}  // namespace ringpost::mta
