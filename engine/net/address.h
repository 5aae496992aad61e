// Address: an IPv4 or IPv6 socket address as a value; SocketPath: the path of a Unix socket.
// Parsing takes literals only; names are somebody else's work.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace ringpost::net {

class Address {
 public:
  Address() { std::memset(&storage_, 0, sizeof storage_); }

  // `host` is a literal such as 127.0.0.1 or ::1 (no brackets).
  static std::optional<Address> parse(std::string_view host, std::uint16_t port);
  // Takes what the kernel filled in, of `length` bytes.
  static std::optional<Address> from_kernel(const void* sockaddr_bytes, std::size_t length);

  int family() const { return storage_.generic.sa_family; }
  std::uint16_t port() const;
  // The address without the port, as in an address literal: 192.0.2.1 or 2001:db8::1.
  std::string host() const;
  // host:port, the host in brackets for IPv6; for logs.
  std::string to_text() const;
  bool is_loopback() const;
  // fe80::/10: of no use without the interface it belongs to.
  bool is_link_local() const {
    return family() == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&storage_.v6.sin6_addr);
  }

  bool operator==(const Address& other) const {
    return kernel_bytes() == other.kernel_bytes() &&
           std::memcmp(kernel(), other.kernel(), kernel_bytes()) == 0;
  }

  const sockaddr* kernel() const { return &storage_.generic; }
  socklen_t kernel_bytes() const {
    return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }

 private:
  union {
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_;
};

class SocketPath {
 public:
  // Nothing for a path that is empty, longer than the kernel takes (107 octets), or has a NUL.
  static std::optional<SocketPath> parse(std::string_view path);

  const sockaddr* kernel() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t kernel_bytes() const { return sizeof storage_; }

 private:
  SocketPath() { std::memset(&storage_, 0, sizeof storage_); }

  sockaddr_un storage_;
};

}  // namespace ringpost::net
