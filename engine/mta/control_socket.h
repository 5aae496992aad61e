// Unix socket addresses for paths of any length: sockaddr_un has room for 107 octets, a home folder
// may be deeper. What does not fit is reached through a descriptor of its folder.
#pragma once

#include <expected>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#include "proto/base/fault.h"

namespace ringpost::mta {

// Valid while it lives.
class ControlAddress {
 public:
  static std::expected<ControlAddress, Fault> of(const std::string& path);
  ControlAddress(ControlAddress&& other) noexcept;
  ControlAddress& operator=(ControlAddress&&) = delete;
  ~ControlAddress();

  const sockaddr* kernel() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static constexpr socklen_t kernel_octets = sizeof(sockaddr_un);

 private:
  ControlAddress() = default;
  sockaddr_un address_{};
  int folder_ = -1;
};

// A connected stream socket; the Fault has the errno of connect(2). With SOCK_NONBLOCK as `flags`
// it does not block, not even to connect: EAGAIN when too many wait already.
std::expected<int, Fault> connect_control(const std::string& path, int flags = 0);

}  // namespace ringpost::mta
