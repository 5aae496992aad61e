// Writing into the offline folder: see offline_folder.h.
#include "engine/mta/offline_folder.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/home.h"

namespace ringpost::mta {
namespace {

// Others may add (w) and reach what they know the name of (x), not list; only the owner of a file
// and that of the folder may rename or remove it (sticky); files get the folder's group (setgid).
constexpr mode_t folder_mode = 03733;
constexpr mode_t file_mode = 0640;

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// A folder that one may not read cannot be opened to sync it; then all of its file system is.
bool sync_folder(const std::string& folder, int file_in_it) {
  const int opened = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return syncfs(file_in_it) == 0;
  const bool synced = fsync(opened) == 0;
  close(opened);
  return synced;
}

struct File {
  int number = -1;
  ~File() {
    if (number >= 0) close(number);
  }
};

}  // namespace

std::expected<void, Fault> make_offline_folder(const std::string& folder) {
  if (auto made = make_folders(folder); !made) return made;
  struct stat status{};
  if (lstat(folder.c_str(), &status) != 0) return std::unexpected(Fault{"stat", errno, folder});
  if (!S_ISDIR(status.st_mode)) return std::unexpected(Fault{"open", ENOTDIR, folder});
  if ((status.st_mode & 07777) == folder_mode) return {};
  if (chmod(folder.c_str(), folder_mode) != 0)
    return std::unexpected(Fault{"chmod", errno, folder});
  return {};
}

std::expected<void, Fault> keep_offline(const std::string& folder,
                                        const submission::OfflineMessage& message) {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number)
    return std::unexpected(Fault{"getrandom", errno});
  const std::string unfinished =
      fmt::format("{}/{}{:016x}", folder, offline_unfinished_prefix, number);
  const std::string finished = fmt::format("{}/{}{:016x}", folder, offline_prefix, number);
  const File file{
      open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode)};
  if (file.number < 0) return std::unexpected(Fault{"create", errno, unfinished});
  const char* failed = nullptr;
  // Whatever the umask is, the daemon's group reads it.
  if (fchmod(file.number, file_mode) != 0) {
    failed = "chmod";
  } else if (!write_all(file.number, submission::encode_offline(message))) {
    failed = "write";
  } else if (fsync(file.number) != 0) {
    failed = "fsync";
  } else if (rename(unfinished.c_str(), finished.c_str()) != 0) {
    failed = "rename";
  } else if (!sync_folder(folder, file.number)) {
    failed = "sync";
  }
  if (failed == nullptr) return {};
  const int error = errno;
  unlink(unfinished.c_str());
  unlink(finished.c_str());
  return std::unexpected(Fault{failed, error, folder});
}

}  // namespace ringpost::mta
