// Long paths go through /proc/self/fd, which the kernel resolves like any other path.
#include "engine/mta/control_socket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace ringpost::mta {

std::expected<ControlAddress, Fault> ControlAddress::of(const std::string& path) {
  ControlAddress result;
  result.address_.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() >= sizeof result.address_.sun_path) {
    const std::size_t slash = path.rfind('/');
    if (slash == path.npos) return std::unexpected(Fault{"socket path", ENAMETOOLONG, path});
    const std::string folder = path.substr(0, slash);
    result.folder_ = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (result.folder_ < 0) return std::unexpected(Fault{"open", errno, folder});
    name = fmt::format("/proc/self/fd/{}{}", result.folder_, path.substr(slash));
  }
  if (name.size() >= sizeof result.address_.sun_path) {
    return std::unexpected(Fault{"socket path", ENAMETOOLONG, path});
  }
  std::memcpy(result.address_.sun_path, name.data(), name.size());
  return result;
}

ControlAddress::ControlAddress(ControlAddress&& other) noexcept
    : address_(other.address_), folder_(std::exchange(other.folder_, -1)) {}

ControlAddress::~ControlAddress() {
  if (folder_ >= 0) close(folder_);
}

std::expected<int, Fault> connect_control(const std::string& path, int flags) {
  const auto address = ControlAddress::of(path);
  if (!address) return std::unexpected(address.error());
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (file < 0) return std::unexpected(Fault{"socket", errno});
  if (connect(file, address->kernel(), ControlAddress::kernel_octets) != 0) {
    const int error = errno;
    close(file);
    return std::unexpected(Fault{"connect", error, path});
  }
  return file;
}

}  // namespace ringpost::mta
