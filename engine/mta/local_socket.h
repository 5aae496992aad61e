// LocalSocket: the Unix socket on which programs of this machine hand in mail by SMTP. Everybody
// whom the folders let through may connect; the kernel says who it is. Bound while no mail is taken
// yet; the cores listen on copies of it.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "engine/process/parent_link.h"
#include "proto/base/fault.h"

namespace ringpost::mta {

class LocalSocket {
 public:
  LocalSocket() = default;
  // The one that `parent` has kept; or a new one, which takes the place of a socket file that is
  // there: whoever holds the lock of the run folder is the only daemon. EEXIST when something else
  // stands there.
  static std::expected<LocalSocket, Fault> bind(const std::string& path,
                                                process::ParentLink* parent = nullptr);
  LocalSocket(LocalSocket&& other) noexcept
      : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}
  LocalSocket& operator=(LocalSocket&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(file_, other.file_);
    return *this;
  }
  ~LocalSocket();

  // Another descriptor of it, which is the caller's to close.
  std::expected<int, Fault> duplicate() const;
  // Nobody finds it any more; connections that wait stay until the last descriptor is closed.
  void remove();

 private:
  std::string path_;
  int file_ = -1;
};

}  // namespace ringpost::mta
