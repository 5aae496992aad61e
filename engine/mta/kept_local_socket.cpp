// Keeping Unix sockets: see kept_local_socket.h.
#include "engine/mta/kept_local_socket.h"

#include <cstring>
#include <string_view>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/net/address.h"

namespace ringpost::mta {
namespace {

bool leads_to(const std::string& path, int file) {
  sockaddr_un bound{};
  socklen_t octets = sizeof bound;
  struct stat status{};
  return getsockname(file, reinterpret_cast<sockaddr*>(&bound), &octets) == 0 &&
         path == std::string_view(bound.sun_path, strnlen(bound.sun_path, sizeof bound.sun_path)) &&
         lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

// A path that is too long for an address is bound by way of a descriptor's name, which is another
// one each time.
int find_kept_socket(const std::string& path, process::ParentLink* parent) {
  const auto address = net::SocketPath::parse(path);
  if (parent == nullptr || !address) return -1;
  const int file = parent->find_socket(address->kernel(), address->kernel_bytes(), 0);
  if (file < 0 || leads_to(path, file)) return file;
  close(file);
  parent->drop_socket(address->kernel(), address->kernel_bytes());
  return -1;
}

void keep_local_socket(const std::string& path, int file, process::ParentLink* parent) {
  const auto address = net::SocketPath::parse(path);
  if (parent == nullptr || !address) return;
  parent->keep_socket(file, address->kernel(), address->kernel_bytes(), 0);
}

}  // namespace ringpost::mta
