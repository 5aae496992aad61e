// Listener: one listening socket of one core (SO_REUSEPORT: every core has its own) with a
// multishot accept into direct descriptors. Owner: one core.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <utility>

#include "engine/net/address.h"
#include "engine/ring/core.h"

namespace ringpost::net {

// bind(2), or somebody who may do more than we.
using BindCall = std::function<std::expected<void, Fault>(int, const sockaddr*, socklen_t)>;
std::expected<void, Fault> bind_as_ourselves(int file, const sockaddr* address, socklen_t octets);

// A bound socket that does not listen yet; `address` may have port 0, bound_address() tells what it
// became. Any thread. TCP_NODELAY is set here, since accepted sockets inherit it.
std::expected<int, Fault> bind_socket(const Address& address,
                                      const BindCall& bind = bind_as_ourselves);
std::expected<Address, Fault> bound_address(int file);

// Owns a socket of bind_socket() until a Listener takes it over.
class BoundSocket {
 public:
  explicit BoundSocket(int file) : file_(file) {}
  BoundSocket(BoundSocket&& other) noexcept : file_(other.release()) {}
  BoundSocket& operator=(BoundSocket&&) = delete;
  ~BoundSocket();
  int file() const { return file_; }
  int release() { return std::exchange(file_, -1); }

 private:
  int file_;
};

class Listener {
 public:
  using Accepted = std::function<void(int direct_file)>;

  // Takes over `file`, a socket of bind_socket().
  Listener(ring::Core& core, int file, Accepted accepted);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::expected<void, Fault> start();
  // No new connections (drain). finished() becomes true when nothing is in flight; only then may it
  // be destroyed.
  void stop();
  // Accepts again after stop().
  void resume();
  bool finished() const { return !accept_.in_flight() && !pause_.armed(); }

 private:
  void arm();
  void accept_done(ring::Completion completion);
  void pause_over();

  ring::Core& core_;
  int file_;
  Accepted accepted_;
  bool stopping_ = false;
  ring::OperationOf<Listener, &Listener::accept_done> accept_{*this};
  ring::TimerOf<Listener, &Listener::pause_over> pause_{*this};
};

}  // namespace ringpost::net
