// Frames by blocking calls: see content.h.
#include "engine/process/content.h"

#include <cerrno>

#include <sys/socket.h>

#include "engine/process/agent_frame.h"

namespace ringpost::process {
namespace {

bool read_exactly(int socket, char* target, std::size_t octets) {
  while (octets > 0) {
    const ssize_t got = recv(socket, target, octets, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    target += got;
    octets -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

bool read_frame(int socket, std::string& payload, std::size_t octets_max) {
  char header[frame_header_octets];
  if (!read_exactly(socket, header, sizeof header)) return false;
  const std::size_t octets = frame_length(bytes_of(std::string_view(header, sizeof header)));
  if (octets > octets_max) return false;
  payload.resize(octets);
  return read_exactly(socket, payload.data(), octets);
}

bool write_frame(int socket, std::string_view frame) {
  while (!frame.empty()) {
    const ssize_t sent = send(socket, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    frame.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::expected<std::string_view, Fault> Content::next() {
  if (at_end_) return std::string_view();
  if (!read_frame(socket_, piece_, content_piece_octets_max)) {
    at_end_ = true;
    socket_ = -1;
    return std::unexpected(Fault{"content", ECONNABORTED});
  }
  at_end_ = piece_.empty();
  return piece_;
}

bool Content::drain() {
  while (!at_end_)
    if (!next()) return false;
  return socket_ >= 0;
}

}  // namespace ringpost::process
