// One direction at a time, blocking writes: SMTP is a dialogue.
#include "tools/ringpostctl/smtp_pipe.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringpost::ctl {
namespace {

constexpr std::size_t step_octets = 64 * 1024;

// How many octets came; 0 at the end.
std::expected<std::size_t, Fault> pass_on(int from, int to) {
  std::array<char, step_octets> room;
  ssize_t got = 0;
  do {
    got = read(from, room.data(), room.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::unexpected(Fault{"read", errno});
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t count = write(to, room.data() + sent, static_cast<std::size_t>(got - sent));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(Fault{"write", errno});
    sent += count;
  }
  return static_cast<std::size_t>(got);
}

}  // namespace

std::expected<void, Fault> pump_smtp(int in, int out, int daemon) {
  bool input_open = true;
  while (true) {
    std::array<pollfd, 2> files{{{daemon, POLLIN, 0}, {input_open ? in : -1, POLLIN, 0}}};
    if (poll(files.data(), files.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(Fault{"poll", errno});
    }
    if (files[0].revents != 0) {
      const auto passed = pass_on(daemon, out);
      if (!passed) return std::unexpected(passed.error());
      if (*passed == 0) return {};
    } else if (files[1].revents != 0) {
      const auto passed = pass_on(in, daemon);
      // A daemon that has closed says why on its side.
      input_open = passed && *passed > 0;
      if (!input_open) shutdown(daemon, SHUT_WR);
    }
  }
}

}  // namespace ringpost::ctl
