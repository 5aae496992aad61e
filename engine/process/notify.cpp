// Datagrams to the service manager: see notify.h.
#include "engine/process/notify.h"

#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

namespace ringpost::process {
namespace {

constexpr int sockets_max = 4096;

int number_of(const char* variable) {
  const char* const text = std::getenv(variable);
  int number = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

}  // namespace

void notify_service_manager(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (*path != '/' && *path != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (*path == '@') address.sun_path[0] = '\0';  // a name that is in no file system
  const int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return;
  const auto octets = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  sendto(file, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
         reinterpret_cast<const sockaddr*>(&address), octets);
  close(file);
}

void tell_operator(const std::string& text) {
  std::fprintf(stderr, "ringpostd: %s\n", text.c_str());
  openlog("ringpostd", LOG_PID, LOG_MAIL);
  syslog(LOG_CRIT, "%s", text.c_str());
  closelog();
}

int passed_sockets() {
  if (number_of("LISTEN_PID") != getpid()) return 0;
  const int count = number_of("LISTEN_FDS");
  return count > 0 && count <= sockets_max ? count : 0;
}

}  // namespace ringpost::process
