// Keeping Unix sockets: see kept_local_socket.h.
#include "engine/mta/kept_local_socket.h"

#include <cstring>
#include <optional>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ringpost::mta {
namespace {

// A longer path is bound by way of a descriptor's name, which is another one each time.
std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* plain(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

bool leads_to(const sockaddr_un& address, int file) {
  sockaddr_un bound{};
  socklen_t octets = sizeof bound;
  struct stat status{};
  return getsockname(file, reinterpret_cast<sockaddr*>(&bound), &octets) == 0 &&
         std::strncmp(bound.sun_path, address.sun_path, sizeof bound.sun_path) == 0 &&
         lstat(address.sun_path, &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

int find_kept_socket(const std::string& path, process::ParentLink* parent) {
  const auto address = address_of(path);
  if (parent == nullptr || !address) return -1;
  const int file = parent->find_socket(plain(*address), sizeof *address, 0);
  if (file < 0 || leads_to(*address, file)) return file;
  close(file);
  parent->drop_socket(plain(*address), sizeof *address);
  return -1;
}

void keep_local_socket(const std::string& path, int file, process::ParentLink* parent) {
  const auto address = address_of(path);
  if (parent == nullptr || !address) return;
  parent->keep_socket(file, plain(*address), sizeof *address, 0);
}

}  // namespace ringpost::mta
