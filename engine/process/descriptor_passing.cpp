// SCM_RIGHTS: see descriptor_passing.h and cmsg(3).
#include "engine/process/descriptor_passing.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

namespace ringpost::process {

std::expected<void, Fault> send_with_descriptor(int socket, std::string_view datagram, int file,
                                                int second) {
  const int files[2] = {file, second};
  const std::size_t octets = sizeof(int) * (file < 0 ? 0u : second < 0 ? 1u : 2u);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof files)]{};
  iovec part{const_cast<char*>(datagram.data()), datagram.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (octets > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(octets);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(octets);
    std::memcpy(CMSG_DATA(header), files, octets);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return std::unexpected(Fault{"sendmsg", errno});
  return {};
}

std::expected<ReceivedDatagram, Fault> receive_with_descriptor(int socket, MutableBytes room) {
  int files[2] = {-1, -1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof files)]{};
  // With padding at its end there would be room for a third, which would stay open here.
  static_assert(CMSG_SPACE(sizeof files) == CMSG_LEN(sizeof files));
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::unexpected(Fault{"recvmsg", errno});
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    std::memcpy(files, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
    return ReceivedDatagram{static_cast<std::size_t>(got), files[0], files[1]};
  for (const int file : files)
    if (file >= 0) close(file);
  return std::unexpected(Fault{"recvmsg", EBADMSG});
}

void close_received(int file) {
  const linger none{};
  setsockopt(file, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(file);
}

}  // namespace ringpost::process
