// Source addresses: see source_address.h.
#include "engine/net/source_address.h"

#include <cerrno>

#include <unistd.h>

namespace ringpost::net {

std::expected<int, Fault> socket_from(const Address& source) {
  const int file = socket(source.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return std::unexpected(Fault{"socket", errno, source.host()});
  const int on = 1;
  const bool is_set = setsockopt(file, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0;
  if (is_set && bind(file, source.kernel(), source.kernel_bytes()) == 0) return file;
  const Fault fault{is_set ? "bind" : "setsockopt", errno, source.host()};
  close(file);
  return std::unexpected(fault);
}

// Connecting a datagram socket sends nothing; it only looks the way up.
std::optional<Address> source_toward(const Address& target) {
  const int file = socket(target.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return std::nullopt;
  sockaddr_storage room{};
  socklen_t length = sizeof room;
  const bool is_known = connect(file, target.kernel(), target.kernel_bytes()) == 0 &&
                        getsockname(file, reinterpret_cast<sockaddr*>(&room), &length) == 0;
  close(file);
  if (!is_known) return std::nullopt;
  const auto address = Address::from_kernel(&room, length);
  return address ? Address::parse(address->host(), 0) : std::nullopt;
}

}  // namespace ringpost::net
