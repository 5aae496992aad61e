// Listener: see listener.h. When accepting fails (descriptors or memory run out) it pauses instead
// of spinning, and the backlog holds the peers; only the one that met the shortage is lost.
#include "engine/net/listener.h"

#include <cerrno>

#include <netinet/tcp.h>
#include <unistd.h>

namespace ringpost::net {
namespace {

constexpr int backlog_max = 4096;
constexpr Duration pause_after_error = milliseconds(100);

bool set_option(int file, int level, int name) {
  const int on = 1;
  return setsockopt(file, level, name, &on, sizeof on) == 0;
}

}  // namespace

std::expected<void, Fault> bind_as_ourselves(int file, const sockaddr* address, socklen_t octets) {
  if (::bind(file, address, octets) == 0) return {};
  return std::unexpected(Fault{"bind", errno});
}

std::expected<int, Fault> bind_socket(const Address& address, const BindCall& bind) {
  const int file = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return std::unexpected(Fault{"socket", errno, address.to_text()});
  const bool options_set =
      set_option(file, SOL_SOCKET, SO_REUSEADDR) && set_option(file, SOL_SOCKET, SO_REUSEPORT) &&
      set_option(file, IPPROTO_TCP, TCP_NODELAY) &&
      (address.family() != AF_INET6 || set_option(file, IPPROTO_IPV6, IPV6_V6ONLY));
  std::expected<void, Fault> done;
  if (!options_set) done = std::unexpected(Fault{"setsockopt", errno});
  if (done) done = bind(file, address.kernel(), address.kernel_bytes());
  if (done) return file;
  close(file);
  return std::unexpected(Fault{done.error().operation, done.error().code, address.to_text()});
}

std::expected<Address, Fault> bound_address(int file) {
  sockaddr_storage room{};
  socklen_t length = sizeof room;
  if (getsockname(file, reinterpret_cast<sockaddr*>(&room), &length) != 0)
    return std::unexpected(Fault{"getsockname", errno});
  const auto address = Address::from_kernel(&room, length);
  if (!address) return std::unexpected(Fault{"getsockname", EAFNOSUPPORT});
  return *address;
}

BoundSocket::~BoundSocket() {
  if (file_ >= 0) close(file_);
}

Listener::Listener(ring::Core& core, int file, Accepted accepted)
    : core_(core), file_(file), accepted_(std::move(accepted)) {}

Listener::~Listener() { close(file_); }

std::expected<void, Fault> Listener::start() {
  if (listen(file_, backlog_max) != 0) return std::unexpected(Fault{"listen", errno});
  arm();
  return {};
}

void Listener::arm() {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_multishot_accept_direct(sqe, file_, nullptr, nullptr, 0);
  core_.ring().bind(sqe, accept_);
}

void Listener::accept_done(ring::Completion completion) {
  if (completion.result >= 0) accepted_(completion.result);
  if (accept_.in_flight() || stopping_) return;
  // For a connection that finds no free direct descriptor the kernel has no way back: it closes it.
  // So the owner's limit on connections should lie below the ring's on descriptors. A peer that
  // gave up while it waited says nothing about the next one; any other error would come again at
  // once.
  const bool failed = completion.result < 0 && completion.result != -ECONNABORTED;
  if (failed) {
    core_.timers().arm(pause_, core_.now() + pause_after_error);
  } else {
    arm();
  }
}

void Listener::pause_over() {
  if (!stopping_) arm();
}

void Listener::stop() {
  stopping_ = true;
  core_.timers().disarm(pause_);
  core_.ring().cancel(accept_);
}

void Listener::resume() {
  stopping_ = false;
  // A cancellation that is still under way arms it again when it completes, a pause when it is
  // over.
  if (!accept_.in_flight() && !pause_.armed()) arm();
}

}  // namespace ringpost::net
