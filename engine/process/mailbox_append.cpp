// mbox: see mailbox_append.h.
#include "engine/process/mailbox_append.h"

#include <cerrno>
#include <ctime>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/process/agent_reply.h"
#include "engine/process/blocking_file.h"
#include "engine/ring/clock.h"

namespace ringpost::process {
namespace {

using Result = std::expected<void, Fault>;

constexpr mode_t file_mode = 0600;
constexpr mode_t lock_mode = 0444;
constexpr Duration lock_wait_max = seconds(30);
constexpr unsigned lock_pause_us = 50'000;
constexpr std::time_t stale_lock_seconds = 300;  // whoever made it has died

// A lock of another program that is held too long is not ours to break, but for a file that is old.
class DotLock {
 public:
  DotLock() = default;
  DotLock(DotLock&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  DotLock& operator=(DotLock&&) = delete;
  ~DotLock() {
    if (!path_.empty()) unlink(path_.c_str());
  }

  // Holds nothing where the folder does not let us make files: the other locks must do.
  static std::expected<DotLock, Fault> take(const std::string& mailbox, Instant deadline) {
    const std::string path = mailbox + ".lock";
    while (true) {
      auto file = File::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, lock_mode);
      if (file) {
        [[maybe_unused]] const auto noted = file->write(fmt::format("{}\n", getpid()));
        return DotLock(path);
      }
      const int code = file.error().code;
      if (code == EACCES || code == EPERM || code == EROFS) return DotLock();
      if (code != EEXIST) return std::unexpected(file.error());
      remove_if_stale(path);
      if (ring::monotonic_now() > deadline) return std::unexpected(Fault{"lock", EAGAIN, mailbox});
      usleep(lock_pause_us);
    }
  }

 private:
  explicit DotLock(std::string path) : path_(std::move(path)) {}

  static void remove_if_stale(const std::string& path) {
    struct stat status{};
    if (lstat(path.c_str(), &status) == 0 &&
        status.st_mtime + stale_lock_seconds < std::time(nullptr))
      unlink(path.c_str());
  }

  std::string path_;
};

Result lock_file(const File& file, Instant deadline) {
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  while (true) {
    if (fcntl(file.descriptor(), F_OFD_SETLK, &whole) == 0) {
      if (flock(file.descriptor(), LOCK_EX | LOCK_NB) == 0) return {};
      whole.l_type = F_UNLCK;
      fcntl(file.descriptor(), F_OFD_SETLK, &whole);
      whole.l_type = F_WRLCK;
    }
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return std::unexpected(file.fault("lock", errno));
    if (ring::monotonic_now() > deadline) return std::unexpected(file.fault("lock", EAGAIN));
    usleep(lock_pause_us);
  }
}

// A file with another name too, or of another owner, may be no mailbox at all.
Result check_mailbox(const File& file, uid_t owner) {
  const auto status = file.status();
  if (!status) return std::unexpected(status.error());
  const bool own = S_ISREG(status->st_mode) && status->st_nlink == 1 && status->st_uid == owner;
  if (!own) return std::unexpected(file.fault("not a plain file of its owner", EPERM));
  return {};
}

// False: somebody put another file in its place while we waited for the lock.
bool is_still(const File& file) {
  struct stat now{};
  const auto opened = file.status();
  return opened && lstat(file.path().c_str(), &now) == 0 && now.st_ino == opened->st_ino &&
         now.st_dev == opened->st_dev;
}

std::expected<File, Fault> open_locked(const std::string& path, uid_t owner, Instant deadline) {
  constexpr int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  while (true) {
    auto file = File::open(path, flags, file_mode);
    const bool made = !file && file.error().code == ENOENT;
    if (made) file = File::open(path, flags | O_CREAT | O_EXCL, file_mode);
    if (!file && made && file.error().code == EEXIST) continue;
    if (!file) return std::unexpected(file.error());
    if (const Result checked = check_mailbox(*file, owner); !checked)
      return std::unexpected(checked.error());
    if (const Result locked = lock_file(*file, deadline); !locked)
      return std::unexpected(locked.error());
    if (!is_still(*file)) continue;
    if (made)
      if (const Result synced = sync_folder(folder_of(path)); !synced)
        return std::unexpected(synced.error());
    return std::move(*file);
  }
}

// Writes the message with '>' before lines that would look like the next message's beginning.
// Pieces are cut anywhere, also within such a line.
class QuotingWriter {
 public:
  explicit QuotingWriter(File& file) : file_(file) {}

  Result add(std::string_view piece) {
    std::string text;
    for (const char c : piece) put(c, text);
    return file_.write(text);
  }
  // The blank line after the message; its last line gets an end when it has none.
  Result finish() {
    std::string text(separator.substr(0, matched_));
    if (matched_ > 0 || !at_line_start_) text += '\n';
    return file_.write(text + '\n');
  }

 private:
  static constexpr std::string_view separator = "From ";

  // While a line may still become "From " its octets wait.
  void put(char c, std::string& text) {
    if (at_line_start_ && c == separator[matched_]) {
      if (++matched_ < separator.size()) return;
      text += '>';
      text += separator;
      matched_ = 0;
      at_line_start_ = false;
      return;
    }
    text += separator.substr(0, matched_);
    text += c;
    matched_ = 0;
    at_line_start_ = c == '\n';
  }

  File& file_;
  bool at_line_start_ = true;
  std::size_t matched_ = 0;
};

// What is missing before the next message. Whoever died while writing, or does not write as we do,
// left no blank line at the end, and the next message would be read as a part of the last one.
std::string_view missing_end(const std::string& path, off_t size) {
  if (size == 0) return {};
  const auto file = File::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  char last[2]{};
  const std::size_t octets = size == 1 ? 1 : 2;
  const off_t from = size - static_cast<off_t>(octets);
  if (!file || pread(file->descriptor(), last, octets, from) != static_cast<ssize_t>(octets))
    return {};  // a file that may only be appended to
  const std::string_view end(last, octets);
  if (!end.ends_with('\n')) return "\n\n";
  return end == "\n\n" || size == 1 ? std::string_view() : "\n";
}

Result write_message(File& file, off_t size, const std::string& from_line, Content& content) {
  const std::string begin = fmt::format("{}{}\n", missing_end(file.path(), size), from_line);
  if (const Result begun = file.write(begin); !begun) return begun;
  QuotingWriter writer(file);
  while (true) {
    const auto piece = content.next();
    if (!piece) return std::unexpected(piece.error());
    const bool at_end = piece->empty();
    const Result written = at_end ? writer.finish() : writer.add(*piece);
    if (!written) return written;
    if (at_end) return file.sync();
  }
}

}  // namespace

AgentReply append_to_mailbox(const std::string& path, const std::string& from_line, uid_t owner,
                             Content& content) {
  const Instant deadline = ring::monotonic_now() + lock_wait_max;
  const auto dot_lock = DotLock::take(path, deadline);
  if (!dot_lock) return temporary(dot_lock.error());
  auto file = open_locked(path, owner, deadline);
  if (!file) return temporary(file.error());
  const auto before = file->status();
  if (!before) return temporary(before.error());
  const Result written = write_message(*file, before->st_size, from_line, content);
  // Half a message would be read as a whole one, and the next as a part of it.
  if (!written && ftruncate(file->descriptor(), before->st_size) != 0)
    return temporary(file->fault("ftruncate", errno));
  return reply_to(written, path);
}

std::expected<void, Fault> make_mailbox(const std::string& folder, const AgentUser& user) {
  const std::string path = folder + '/' + user.name;
  auto file = File::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, file_mode);
  if (!file && file.error().code == EEXIST) return {};
  if (!file) return std::unexpected(file.error());
  if (fchown(file->descriptor(), user.uid, user.gid) != 0) {
    const Fault fault = file->fault("chown", errno);
    unlink(path.c_str());
    return std::unexpected(fault);
  }
  return sync_folder(folder);
}

gid_t group_of_folder(const std::string& folder) {
  struct stat status{};
  const bool known = stat(folder.c_str(), &status) == 0;
  return known && (status.st_mode & S_IWGRP) != 0 ? status.st_gid : 0;
}

}  // namespace ringpost::process
