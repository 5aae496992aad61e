// Reading as a user: see read_file.h. The file that was opened is what is judged, and then the
// folders from it up to the home: who can write one of these could have put another file there.
#include "engine/process/read_file.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/agent_reply.h"
#include "engine/process/blocking_file.h"

namespace ringpost::process {
namespace {

constexpr mode_t others_may_write = S_IWGRP | S_IWOTH;

// Why it is not safe; empty: it is.
std::string unsafe(const struct stat& status, uid_t user, const std::string& path) {
  if (status.st_uid != user && status.st_uid != 0)
    return fmt::format("{} belongs to another user", path);
  if ((status.st_mode & others_may_write) != 0)
    return fmt::format("{} may be written by others than its owner", path);
  return {};
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path.c_str(), nullptr),
                                                             &std::free);
  return resolved ? resolved.get() : std::string();
}

// The folders above the file, up to the home or the root.
std::string unsafe_folder(const std::string& file, const std::string& home, uid_t user) {
  const std::string top = real_path(home);
  for (std::string path = folder_of(real_path(file));; path = folder_of(path)) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) return fmt::format("{} cannot be looked at", path);
    std::string reason = unsafe(status, user, path);
    if (!reason.empty()) return reason;
    if (path == top || path == "/") return {};
  }
}

AgentReply refused(std::string text) {
  return {AgentStatus::Permanent, EPERM, std::move(text), {}};
}

AgentReply not_opened(const Fault& fault) {
  if (fault.code == ENOENT || fault.code == ENOTDIR) return {AgentStatus::Absent, ENOENT, {}, {}};
  return temporary(fault);
}

// O_NONBLOCK: a FIFO of that name must not hold us.
std::expected<File, AgentReply> open_regular(const std::string& path, uid_t user, int flags = 0) {
  auto file = File::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags);
  if (!file) return std::unexpected(not_opened(file.error()));
  const auto status = file->status();
  if (!status) return std::unexpected(temporary(status.error()));
  if (!S_ISREG(status->st_mode))
    return std::unexpected(refused(fmt::format("{} is not a file", path)));
  std::string reason = unsafe(*status, user, path);
  if (!reason.empty()) return std::unexpected(refused(std::move(reason)));
  return std::move(*file);
}

AgentReply content_of(File& file) {
  auto text = file.read(file_octets_max);
  if (text) return {AgentStatus::Done, 0, {}, std::move(*text)};
  if (text.error().code == EFBIG) return refused(fmt::format("{} is too large", file.path()));
  return temporary(text.error());
}

}  // namespace

AgentReply read_forward(const ForwardOrder& order, uid_t user) {
  struct stat home{};
  if (stat(order.home.c_str(), &home) != 0) return not_opened({"stat", errno, order.home});
  if ((home.st_mode & S_ISVTX) != 0)
    return {AgentStatus::Temporary, EAGAIN, fmt::format("{} is sticky", order.home), {}};
  const std::string path = order.home + "/.forward";
  // Root may read everything, so a link would do for whoever can make one in what is called a home.
  auto file = open_regular(path, user, user == 0 ? O_NOFOLLOW : 0);
  if (!file) return std::move(file.error());
  // A link that leads out of the home was still made in it.
  std::string reason = unsafe(home, user, order.home);
  if (reason.empty()) reason = unsafe_folder(path, order.home, user);
  if (!reason.empty()) return refused(std::move(reason));
  return content_of(*file);
}

AgentReply read_included(const FileOrder& order, uid_t user) {
  auto file = open_regular(order.path, user);
  if (!file) return std::move(file.error());
  return content_of(*file);
}

}  // namespace ringpost::process
