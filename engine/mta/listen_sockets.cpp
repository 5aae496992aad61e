// Binding: see listen_sockets.h.
#include "engine/mta/listen_sockets.h"

#include <cerrno>

#include <unistd.h>

namespace ringpost::mta {
namespace {

// With SO_REUSEPORT two daemons of the same user could share a port without noticing: a socket that
// does not share finds out first.
std::expected<void, Fault> check_port_is_free(const net::Address& address) {
  const int file = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return std::unexpected(Fault{"socket", errno, address.to_text()});
  const int on = 1;
  setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const bool free = bind(file, address.kernel(), address.kernel_bytes()) == 0;
  const int error = errno;
  close(file);
  if (free) return {};
  return std::unexpected(Fault{"listen on", error, address.to_text()});
}

}  // namespace

std::expected<SocketsOfCores, Fault> bind_listeners(std::span<const ListenAddress> listeners,
                                                    unsigned cores) {
  SocketsOfCores sockets(cores);
  for (const ListenAddress& listener : listeners) {
    if (auto free = check_port_is_free(listener.address); !free)
      return std::unexpected(free.error());
    for (std::vector<net::BoundSocket>& of_core : sockets) {
      auto file = net::bind_socket(listener.address);
      if (!file) return std::unexpected(file.error());
      of_core.emplace_back(*file);
    }
  }
  return sockets;
}

}  // namespace ringpost::mta
