// The local SMTP socket: see local_socket.h.
#include "engine/mta/local_socket.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/control_socket.h"
#include "engine/mta/kept_local_socket.h"

namespace ringpost::mta {
namespace {

std::expected<void, Fault> clear_place(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(Fault{"stat", errno, path});
  }
  if (!S_ISSOCK(status.st_mode)) return std::unexpected(Fault{"bind", EEXIST, path});
  if (unlink(path.c_str()) != 0) return std::unexpected(Fault{"unlink", errno, path});
  return {};
}

}  // namespace

std::expected<LocalSocket, Fault> LocalSocket::bind(const std::string& path,
                                                    process::ParentLink* parent) {
  if (const int kept = find_kept_socket(path, parent); kept >= 0) {
    LocalSocket result;
    result.path_ = path;
    result.file_ = kept;
    return result;
  }
  if (auto cleared = clear_place(path); !cleared) return std::unexpected(cleared.error());
  const auto address = ControlAddress::of(path);
  if (!address) return std::unexpected(address.error());
  LocalSocket result;
  result.file_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (result.file_ < 0) return std::unexpected(Fault{"socket", errno});
  if (::bind(result.file_, address->kernel(), ControlAddress::kernel_octets) != 0)
    return std::unexpected(Fault{"bind", errno, path});
  result.path_ = path;
  // To connect is to write. The umask has no say in it.
  if (chmod(path.c_str(), 0666) != 0) return std::unexpected(Fault{"chmod", errno, path});
  keep_local_socket(path, result.file_, parent);
  return result;
}

LocalSocket::~LocalSocket() {
  remove();
  if (file_ >= 0) close(file_);
}

std::expected<int, Fault> LocalSocket::duplicate() const {
  const int copy = fcntl(file_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return std::unexpected(Fault{"dup", errno, path_});
  return copy;
}

void LocalSocket::remove() {
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
}

}  // namespace ringpost::mta
