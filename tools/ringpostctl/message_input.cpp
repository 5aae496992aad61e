// Reading messages: see message_input.h. A read that fails is a Fault.
#include "tools/ringpostctl/message_input.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace ringpost::ctl {
namespace {

constexpr std::size_t message_octets_max = std::size_t{1} << 30;

}  // namespace

std::expected<std::string, Fault> read_message(std::FILE* in) {
  std::string message;
  std::array<char, 65536> room;
  while (true) {
    const std::size_t octets = std::fread(room.data(), 1, room.size(), in);
    if (octets == 0 && std::ferror(in) != 0) return std::unexpected(Fault{"read", errno});
    if (octets == 0) return message;
    if (message.size() + octets > message_octets_max) return std::unexpected(Fault{"read", EFBIG});
    message.append(room.data(), octets);
  }
}

std::string with_crlf(std::string_view message) {
  std::string result;
  result.reserve(message.size() + static_cast<std::size_t>(std::ranges::count(message, '\n')));
  for (std::size_t at = 0; at < message.size();) {
    const std::size_t end = std::min(message.find('\n', at), message.size());
    result += message.substr(at, end - at);
    if (end < message.size()) result += result.ends_with('\r') && end > at ? "\n" : "\r\n";
    at = end + 1;
  }
  return result;
}

bool has_crlf(std::string_view message) {
  const std::size_t end = message.find('\n');
  return end == message.npos || (end > 0 && message[end - 1] == '\r');
}

}  // namespace ringpost::ctl
