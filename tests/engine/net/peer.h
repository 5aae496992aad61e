// The other end of a connection in a test: a plain blocking socket, used from a helper thread.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/net/address.h"

namespace ringpost::test {

class Peer {
 public:
  // Connects; nothing blocks for longer than ten seconds.
  explicit Peer(const net::Address& target)
      : file_(socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    limit_waits();
    if (::connect(file_, target.kernel(), target.kernel_bytes()) != 0) error_ = errno;
    // An interrupted attempt goes on by itself; the end of another ring of this thread interrupts.
    if (error_ == EINTR) error_ = wait_until_connected();
  }
  // Takes over an accepted socket.
  explicit Peer(int file) : file_(file) { limit_waits(); }
  Peer(Peer&& other) noexcept : file_(std::exchange(other.file_, -1)), error_(other.error_) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer() {
    if (file_ >= 0) ::close(file_);
  }

  int error() const { return error_; }
  int file() const { return file_; }

  // Octets that the kernel took before it failed or ten seconds passed.
  std::size_t send(std::string_view text) const {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t count = ::send(file_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    return sent;
  }
  // At most `octets`; fewer at the end of the stream, after an error (see error()) or ten seconds.
  std::string receive(std::size_t octets = SIZE_MAX) {
    std::string text;
    char room[65536];
    while (text.size() < octets) {
      const ssize_t count = recv(file_, room, std::min(sizeof room, octets - text.size()), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) error_ = errno;
      if (count <= 0) break;
      text.append(room, static_cast<std::size_t>(count));
    }
    return text;
  }
  void end_of_input() const { shutdown(file_, SHUT_WR); }
  // The connection ends with a reset instead of an orderly end.
  void reset() {
    const linger now{1, 0};
    setsockopt(file_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(file_, -1));
  }

 private:
  int wait_until_connected() const {
    pollfd writable{file_, POLLOUT, 0};
    while (poll(&writable, 1, 10'000) < 0 && errno == EINTR) continue;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(file_, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
  }
  void limit_waits() const {
    const timeval limit{10, 0};
    setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(file_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }

  int file_;
  int error_ = 0;
};

// A text in which every position can be told from its neighbours.
inline std::string pattern(std::size_t octets, unsigned seed = 0) {
  std::string text(octets, '\0');
  std::uint32_t state = 2463534242u + seed;
  for (char& one : text) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    one = static_cast<char>(state);
  }
  return text;
}

}  // namespace ringpost::test
