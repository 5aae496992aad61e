// SCM_RIGHTS: see descriptor_passing.h and cmsg(3).
#include "engine/process/descriptor_passing.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

namespace ringpost::process {

std::expected<void, Fault> send_with_descriptor(int socket, std::string_view datagram, int file) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  iovec part{const_cast<char*>(datagram.data()), datagram.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof file);
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return std::unexpected(Fault{"sendmsg", errno});
  return {};
}

std::expected<ReceivedDatagram, Fault> receive_with_descriptor(int socket, MutableBytes room) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  // Not all of `control`: with the padding at its end there would be room for a second descriptor,
  // which would stay open here.
  message.msg_controllen = CMSG_LEN(sizeof(int));
  ssize_t got = 0;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::unexpected(Fault{"recvmsg", errno});
  ReceivedDatagram received{static_cast<std::size_t>(got), -1};
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof received.file))
    std::memcpy(&received.file, CMSG_DATA(header), sizeof received.file);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) return received;
  if (received.file >= 0) close(received.file);
  return std::unexpected(Fault{"recvmsg", EBADMSG});
}

}  // namespace ringpost::process
