// Create in tmp, write, fsync, rename into new, fsync of new: see maildir_delivery.h.
#include "engine/process/maildir_delivery.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "engine/process/agent_reply.h"
#include "engine/process/blocking_file.h"

namespace ringpost::process {
namespace {

using Result = std::expected<void, Fault>;

constexpr mode_t folder_mode = 0700;
constexpr mode_t file_mode = 0600;
// O_NONBLOCK: something else of that name, a FIFO, must not hold us. Not O_EXCL: what a crash left
// of an earlier try is to be overwritten.
constexpr int tmp_flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;

bool is_folder(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

enum class Folder : std::uint8_t { Above, Maildir, Inside };

// A folder above ours that cannot be made (a mount point, another owner's) shows when ours is made.
// One that was there is not ours if its parent may not be read, or is of a kind that nothing can be
// made durable in (EINVAL).
Result make_folder(const std::string& path, Folder folder) {
  const bool made = mkdir(path.c_str(), folder_mode) == 0;
  if (!made && errno != EEXIST) {
    if (folder == Folder::Above) return {};
    return std::unexpected(Fault{"mkdir", errno, path});
  }
  const Result synced = sync_folder(folder_of(path));
  const bool needed = made || folder == Folder::Inside;
  if (!synced && !needed && (synced.error().operation == "open" || synced.error().code == EINVAL))
    return {};
  return synced;
}

// As mta::MaildirWriter does: tmp last, so a Maildir is only used once it is durable, whatever an
// earlier try or an earlier life left half done.
Result make_folders(const std::string& folder) {
  Result result;
  for (std::size_t at = 0; result && at != std::string::npos;) {
    at = folder.find('/', at + 1);
    const Folder kind = at == std::string::npos ? Folder::Maildir : Folder::Above;
    result = make_folder(folder.substr(0, at), kind);
  }
  for (const char* name : {"/cur", "/new", "/tmp"})
    if (result) result = make_folder(folder + name, Folder::Inside);
  return result;
}

std::expected<File, Fault> open_in(const std::string& folder, const std::string& path, int flags) {
  auto file = File::open(path, flags, file_mode);
  if (file || file.error().code != ENOENT) return file;
  if (const Result made = make_folders(folder); !made) return std::unexpected(made.error());
  return File::open(path, flags, file_mode);
}

Result write_all(File& file, Content& content) {
  while (true) {
    const auto piece = content.next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (const Result written = file.write(*piece); !written) return written;
  }
  if (const Result synced = file.sync(); !synced) return synced;
  return file.close();
}

// The folder is opened before the rename goes into it by descriptor, so what is synced is what was
// renamed into, whatever happens to the path meanwhile.
Result publish(const std::string& folder, const std::string& tmp_path, const std::string& name) {
  auto target = open_in(folder, folder + "/new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!target) return std::unexpected(target.error());
  if (renameat(AT_FDCWD, tmp_path.c_str(), target->descriptor(), name.c_str()) != 0)
    return std::unexpected(target->fault("rename", errno));
  Result synced = target->sync();
  if (!synced) unlinkat(target->descriptor(), name.c_str(), 0);
  return synced;
}

}  // namespace

AgentReply deliver_maildir(const MaildirOrder& order, Content& content) {
  const bool preferred = !order.preferred_folder.empty() && is_folder(order.preferred_folder);
  const std::string& folder = preferred ? order.preferred_folder : order.folder;
  const std::string tmp_path = folder + "/tmp/" + order.file_name;
  auto file = open_in(folder, tmp_path, tmp_flags);
  if (!file) return temporary(file.error());
  Result result = write_all(*file, content);
  if (result) result = publish(folder, tmp_path, order.file_name);
  // What could not be delivered leaves nothing behind; the error that counts is the first one.
  if (!result) unlink(tmp_path.c_str());
  return reply_to(result, folder);
}

}  // namespace ringpost::process
