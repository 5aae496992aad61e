// The engine's way to its parent: see parent_link.h.
#include "engine/process/parent_link.h"

#include <cerrno>

#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/descriptor_passing.h"

namespace ringpost::process {

ParentLink::~ParentLink() { close(socket_); }

std::expected<int, Fault> ParentLink::start_agent(const AgentUser& user) {
  if (!privileged_ && user.uid != geteuid())
    return std::unexpected(Fault{"not started as root, cannot act as", EPERM, user.name});
  if (!is_within_limits(user)) return std::unexpected(Fault{"cannot act as", EINVAL, user.name});
  return request_with_socket(encode(StartAgent{user}));
}

std::expected<int, Fault> ParentLink::read_configuration() {
  return request_with_socket(encode(ReadConfiguration{}));
}

std::expected<int, Fault> ParentLink::request_with_socket(std::string_view request) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return std::unexpected(Fault{"socketpair", errno});
  const auto asked = send_with_descriptor(socket_, request, ends[1]);
  close(ends[1]);
  if (asked) return ends[0];
  close(ends[0]);
  return std::unexpected(asked.error());
}

std::expected<void, Fault> ParentLink::bind(int socket, const sockaddr* address, socklen_t octets) {
  if (::bind(socket, address, octets) == 0) return {};
  if (errno != EACCES || !privileged_) return std::unexpected(Fault{"bind", errno});
  const std::lock_guard guard(answer_lock_);
  const Bytes plain(reinterpret_cast<const std::byte*>(address), octets);
  const BindSocket request{{plain.begin(), plain.end()}};
  if (const auto asked = send_with_descriptor(socket_, encode(request), socket); !asked)
    return asked;
  int code = 0;
  const auto answer = receive_with_descriptor(socket_, std::as_writable_bytes(std::span(&code, 1)));
  if (!answer) return std::unexpected(answer.error());
  if (answer->octets != sizeof code) return std::unexpected(Fault{"bind", EPIPE});
  if (code != 0) return std::unexpected(Fault{"bind", code});
  return {};
}

void ParentLink::tell_ready() {
  // Without the parent there is nobody to tell.
  [[maybe_unused]] const auto told = send_with_descriptor(socket_, encode(Ready{}), -1);
}

}  // namespace ringpost::process
