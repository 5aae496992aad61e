// Socket addresses: see address.h. An IPv4 address mapped into IPv6 is shown as what it is, IPv4.
#include "engine/net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

namespace ringpost::net {

std::optional<Address> Address::parse(std::string_view host, std::uint16_t port) {
  // Longer than any literal, or cut short by the octet that ends a C string.
  if (host.size() >= INET6_ADDRSTRLEN || host.contains('\0')) return std::nullopt;
  const std::string text(host);
  Address result;
  if (inet_pton(AF_INET, text.c_str(), &result.storage_.v4.sin_addr) == 1) {
    result.storage_.v4.sin_family = AF_INET;
    result.storage_.v4.sin_port = htons(port);
    return result;
  }
  result = Address();
  if (inet_pton(AF_INET6, text.c_str(), &result.storage_.v6.sin6_addr) == 1) {
    result.storage_.v6.sin6_family = AF_INET6;
    result.storage_.v6.sin6_port = htons(port);
    return result;
  }
  return std::nullopt;
}

std::optional<Address> Address::from_kernel(const void* sockaddr_bytes, std::size_t length) {
  Address result;
  if (length < sizeof(sa_family_t) || length > sizeof result.storage_) return std::nullopt;
  std::memcpy(&result.storage_, sockaddr_bytes, length);
  if (result.family() == AF_INET && length >= sizeof(sockaddr_in)) return result;
  if (result.family() != AF_INET6 || length < sizeof(sockaddr_in6)) return std::nullopt;
  if (!IN6_IS_ADDR_V4MAPPED(&result.storage_.v6.sin6_addr)) return result;
  Address mapped;
  mapped.storage_.v4.sin_family = AF_INET;
  mapped.storage_.v4.sin_port = result.storage_.v6.sin6_port;
  std::memcpy(&mapped.storage_.v4.sin_addr, result.storage_.v6.sin6_addr.s6_addr + 12, 4);
  return mapped;
}

std::uint16_t Address::port() const {
  return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET6) inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
  if (family() == AF_INET) inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  return text;
}

std::string Address::to_text() const {
  if (family() == AF_INET6) return fmt::format("[{}]:{}", host(), port());
  return fmt::format("{}:{}", host(), port());
}

bool Address::is_loopback() const {
  if (family() == AF_INET) return (ntohl(storage_.v4.sin_addr.s_addr) >> 24) == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&storage_.v6.sin6_addr);
}

std::optional<SocketPath> SocketPath::parse(std::string_view path) {
  SocketPath result;
  if (path.empty() || path.size() >= sizeof result.storage_.sun_path || path.contains('\0'))
    return std::nullopt;
  result.storage_.sun_family = AF_UNIX;
  std::memcpy(result.storage_.sun_path, path.data(), path.size());
  return result;
}

}  // namespace ringpost::net
