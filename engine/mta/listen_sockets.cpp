// Binding: see listen_sockets.h.
#include "engine/mta/listen_sockets.h"

#include <cerrno>

#include <unistd.h>

#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

constexpr unsigned port_pause_us = 20'000;

// With SO_REUSEPORT two daemons of the same user could share a port without noticing: a socket that
// does not share finds out first.
std::expected<void, Fault> check_port_is_free(const net::Address& address,
                                              const net::BindCall& bind) {
  const int file = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return std::unexpected(Fault{"socket", errno, address.to_text()});
  const int on = 1;
  setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const auto bound = bind(file, address.kernel(), address.kernel_bytes());
  close(file);
  if (bound) return {};
  return std::unexpected(Fault{"listen on", bound.error().code, address.to_text()});
}

std::expected<void, Fault> wait_for_port(const net::Address& address, const net::BindCall& bind,
                                         Instant deadline) {
  while (true) {
    auto free = check_port_is_free(address, bind);
    if (free || free.error().code != EADDRINUSE || ring::monotonic_now() >= deadline) return free;
    usleep(port_pause_us);
  }
}

// What an engine before us left, or the service manager has opened: all cores or none.
bool take_kept(const net::Address& address, SocketsOfCores& sockets, process::ParentLink* parent) {
  if (parent == nullptr) return false;
  std::vector<net::BoundSocket> found;
  for (unsigned core = 0; core < sockets.size(); ++core) {
    const int file = parent->find_socket(address.kernel(), address.kernel_bytes(), core);
    if (file < 0) {
      if (core > 0) parent->drop_socket(address.kernel(), address.kernel_bytes());
      return false;
    }
    found.emplace_back(file);
  }
  for (unsigned core = 0; core < sockets.size(); ++core)
    sockets[core].push_back(std::move(found[core]));
  return true;
}

std::expected<void, Fault> bind_for_all(const net::Address& address, const net::BindCall& bind,
                                        SocketsOfCores& sockets, process::ParentLink* parent) {
  for (unsigned core = 0; core < sockets.size(); ++core) {
    auto file = net::bind_socket(address, bind);
    if (!file) return std::unexpected(file.error());
    sockets[core].emplace_back(*file);
    if (parent != nullptr)
      parent->keep_socket(*file, address.kernel(), address.kernel_bytes(), core);
  }
  return {};
}

}  // namespace

std::expected<SocketsOfCores, Fault> bind_listeners(std::span<const ListenAddress> listeners,
                                                    unsigned cores, process::ParentLink* parent,
                                                    Duration wait_max) {
  net::BindCall bind = net::bind_as_ourselves;
  if (parent != nullptr)
    bind = [parent](int file, const sockaddr* address, socklen_t octets) {
      return parent->bind(file, address, octets);
    };
  const Instant deadline = ring::monotonic_now() + wait_max;
  SocketsOfCores sockets(cores);
  std::vector<ListenAddress> made;
  for (const ListenAddress& listener : listeners) {
    if (take_kept(listener.address, sockets, parent)) continue;
    auto done = wait_for_port(listener.address, bind, deadline);
    if (done) made.push_back(listener);
    if (done) done = bind_for_all(listener.address, bind, sockets, parent);
    if (done) continue;
    forget_sockets(made, parent);
    return std::unexpected(done.error());
  }
  return sockets;
}

void forget_sockets(std::span<const ListenAddress> listeners, process::ParentLink* parent) {
  if (parent == nullptr) return;
  for (const ListenAddress& listener : listeners)
    parent->drop_socket(listener.address.kernel(), listener.address.kernel_bytes());
}

}  // namespace ringpost::mta
