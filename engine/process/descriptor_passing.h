// Datagrams with a descriptor or two between our processes (SCM_RIGHTS).
#pragma once

#include <expected>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/fault.h"

namespace ringpost::process {

// `file` and `second` stay the caller's; -1: none goes along. Does not wait: EAGAIN when the peer
// is behind.
std::expected<void, Fault> send_with_descriptor(int socket, std::string_view datagram, int file,
                                                int second = -1);

struct ReceivedDatagram {
  std::size_t octets = 0;  // 0: the peer has gone
  int file = -1;           // to be closed by the receiver, as is
  int second = -1;
};
// Waits. A datagram that does not fit, or brings more than two descriptors, is an error (EBADMSG).
std::expected<ReceivedDatagram, Fault> receive_with_descriptor(int socket, MutableBytes room);
// For what came from somebody who is not trusted: SO_LINGER would have us wait for a peer of
// theirs.
void close_received(int file);

}  // namespace ringpost::process
