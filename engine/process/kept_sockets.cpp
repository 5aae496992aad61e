// The parent's copies of listening sockets: see kept_sockets.h.
#include "engine/process/kept_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/process/descriptor_passing.h"

namespace ringpost::process {
namespace {

constexpr std::size_t sockets_max = 16'384;
constexpr int first_passed = 3;

bool is_listening_stream(int file) {
  int type = 0;
  int listening = 0;
  socklen_t octets = sizeof type;
  return getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &octets) == 0 && type == SOCK_STREAM &&
         getsockopt(file, SOL_SOCKET, SO_ACCEPTCONN, &listening, &octets) == 0 && listening != 0;
}

}  // namespace

void KeptSockets::adopt_passed(int count) {
  for (int file = first_passed; file < first_passed + count; ++file) {
    sockaddr_storage address{};
    socklen_t octets = sizeof address;
    if (!is_listening_stream(file) ||
        getsockname(file, reinterpret_cast<sockaddr*>(&address), &octets) != 0)
      continue;
    fcntl(file, F_SETFD, FD_CLOEXEC);
    const auto* const start = reinterpret_cast<const std::byte*>(&address);
    keep(Address(start, start + octets), any_core, file);
  }
}

void KeptSockets::keep(const Address& address, std::uint32_t core, int file) {
  if (files_.size() >= sockets_max || !files_.try_emplace({address, core}, Kept{file, true}).second)
    close(file);
}

int KeptSockets::find(const Address& address, std::uint32_t core) {
  auto found = files_.find({address, core});
  if (found == files_.end()) found = files_.find({address, any_core});
  if (found == files_.end()) return -1;
  found->second.is_used = true;
  return found->second.file;
}

void KeptSockets::begin_engine() {
  for (auto& [where, kept] : files_) kept.is_used = false;
}

void KeptSockets::drop_unused() {
  std::erase_if(files_, [](const auto& entry) {
    if (entry.second.is_used || entry.first.second == any_core) return false;
    close_received(entry.second.file);
    return true;
  });
}

void KeptSockets::drop(const Address& address) {
  std::erase_if(files_, [&address](const auto& entry) {
    if (entry.first.first != address) return false;
    close_received(entry.second.file);
    return true;
  });
}

void KeptSockets::drop_all() {
  close_copies();
  files_.clear();
}

void KeptSockets::close_copies() const {
  for (const auto& [where, kept] : files_) close(kept.file);
}

}  // namespace ringpost::process
