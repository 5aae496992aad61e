// Delivery into a Maildir: see maildir_writer.h; the order of steps is store/maildir/name.h's.
#include "engine/mta/maildir_writer.h"

#include <cerrno>

#include <fcntl.h>

#include "proto/mail/line_ends.h"

namespace ringpost::mta {
namespace {

constexpr unsigned folder_mode = 0700;
constexpr unsigned file_mode = 0600;

using Result = std::expected<void, Fault>;

Result result_of(const char* operation, int code, const std::string& path) {
  if (code >= 0) return {};
  return std::unexpected(Fault{operation, -code, path});
}

}  // namespace

ring::Task<Result> MaildirWriter::deliver(const MaildirOrder& order, ContentReader& content) {
  const std::string tmp_path = order.folder + "/tmp/" + order.file_name;
  const auto file = co_await create_in_tmp(order, tmp_path);
  if (!file) co_return std::unexpected(file.error());

  Result result = co_await write_file(*file, order, content);
  if (result) result = result_of("fsync", co_await ring::sync_file(core_.ring(), *file), tmp_path);
  const int closed = co_await ring::close_file(core_.ring(), *file);
  if (result) result = result_of("close", closed, tmp_path);
  if (result) result = co_await publish(order, tmp_path);
  if (!result) {
    // What could not be delivered leaves nothing behind; the error that counts is the first one.
    [[maybe_unused]] const int removed =
        co_await ring::unlink_at(core_.ring(), AT_FDCWD, tmp_path.c_str());
  }
  co_return result;
}

ring::Task<std::expected<int, Fault>> MaildirWriter::create_in_tmp(const MaildirOrder& order,
                                                                   const std::string& path) {
  // Not O_EXCL: the name is ours alone, and what a crash left of an earlier try is to be
  // overwritten.
  // O_NONBLOCK: something else of that name, a FIFO, must not hold us.
  constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;
  int file = co_await ring::open_at(core_.ring(), AT_FDCWD, path.c_str(), flags, file_mode);
  if (file == -ENOENT) {
    const Result made = co_await make_folders(order);
    if (!made) co_return std::unexpected(made.error());
    file = co_await ring::open_at(core_.ring(), AT_FDCWD, path.c_str(), flags, file_mode);
  }
  if (file < 0) co_return std::unexpected(Fault{"open", -file, path});
  co_return file;
}

// Makes what is missing of the path, then cur, new and last tmp: while tmp is not there, nothing is
// delivered here and everything else is synced again, so a Maildir is only used once it is durable,
// whatever an earlier try or an earlier life left half done.
ring::Task<Result> MaildirWriter::make_folders(const MaildirOrder& order) {
  Result result;
  for (std::size_t at = 0; result && at != std::string::npos;) {
    at = order.folder.find('/', at + 1);
    const Folder folder = at == std::string::npos ? Folder::Maildir : Folder::Above;
    result = co_await make_folder(order.folder.substr(0, at), folder);
  }
  for (const char* name : {"/cur", "/new", "/tmp"})
    if (result) result = co_await make_folder(order.folder + name, Folder::Inside);
  co_return result;
}

// A folder above ours that cannot be made (a mount point, another owner's) shows when ours is made.
// A new folder is durable only when its parent was synced.
ring::Task<Result> MaildirWriter::make_folder(std::string path, Folder folder) {
  const int made =
      co_await ring::make_directory_at(core_.ring(), AT_FDCWD, path.c_str(), folder_mode);
  if (made < 0 && made != -EEXIST) {
    if (folder == Folder::Above) co_return Result{};
    co_return std::unexpected(Fault{"mkdir", -made, path});
  }
  const bool needed = made >= 0 || folder == Folder::Inside;
  const Result synced = co_await sync_parent(std::move(path), needed);
  co_return synced;
}

// Not needed: the folder was there, so it is not ours if its parent may not be read, or is of a
// kind that nothing can be made durable in (EINVAL).
ring::Task<Result> MaildirWriter::sync_parent(std::string path, bool needed) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  const int folder =
      co_await ring::open_at(core_.ring(), AT_FDCWD, parent.c_str(), O_RDONLY | O_DIRECTORY, 0);
  if (folder < 0 && !needed) co_return Result{};
  if (folder < 0) co_return std::unexpected(Fault{"open", -folder, parent});
  Result result = co_await syncs_.sync(parent, folder);
  [[maybe_unused]] const int closed = co_await ring::close_file(core_.ring(), folder);
  if (!result && result.error().code == EINVAL && !needed) co_return Result{};
  co_return result;
}

ring::Task<Result> MaildirWriter::write_file(int file, const MaildirOrder& order,
                                             ContentReader& content) {
  mail::LineEndFold fold;
  std::string text;
  std::uint64_t offset = 0;
  fold.fold(bytes_of(order.fields), text);
  while (true) {
    const auto piece = co_await content.next();
    if (!piece) co_return std::unexpected(piece.error());
    const bool at_end = piece->empty();
    at_end ? fold.finish(text) : fold.fold(*piece, text);
    const Result written = co_await write_all(file, text, offset);
    if (!written || at_end) co_return written;
    offset += text.size();
    text.clear();
  }
}

ring::Task<Result> MaildirWriter::write_all(int file, std::string_view text, std::uint64_t offset) {
  while (!text.empty()) {
    const int done = co_await ring::write_at(core_.ring(), file, text.data(),
                                             static_cast<unsigned>(text.size()), offset);
    if (done == -EINTR || done == -EAGAIN) continue;
    if (done <= 0) co_return std::unexpected(Fault{"write", done == 0 ? ENOSPC : -done});
    offset += static_cast<unsigned>(done);
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  co_return Result{};
}

// The directory is opened before the rename goes into it by descriptor, so what is synced is what
// was renamed into, whatever happens to the path meanwhile.
ring::Task<std::expected<int, Fault>> MaildirWriter::open_new(const MaildirOrder& order,
                                                              const std::string& path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  int folder = co_await ring::open_at(core_.ring(), AT_FDCWD, path.c_str(), flags, 0);
  if (folder == -ENOENT) {
    const Result made = co_await make_folders(order);
    if (!made) co_return std::unexpected(made.error());
    folder = co_await ring::open_at(core_.ring(), AT_FDCWD, path.c_str(), flags, 0);
  }
  if (folder < 0) co_return std::unexpected(Fault{"open", -folder, path});
  co_return folder;
}

ring::Task<Result> MaildirWriter::publish(const MaildirOrder& order, const std::string& tmp_path) {
  const std::string new_path = order.folder + "/new";
  const auto folder = co_await open_new(order, new_path);
  if (!folder) co_return std::unexpected(folder.error());
  const char* const name = order.file_name.c_str();
  const int renamed =
      co_await ring::rename_at(core_.ring(), AT_FDCWD, tmp_path.c_str(), *folder, name);
  Result result = result_of("rename", renamed, new_path);
  if (result) {
    result = co_await syncs_.sync(new_path, *folder);
    if (!result) {
      [[maybe_unused]] const int removed = co_await ring::unlink_at(core_.ring(), *folder, name);
    }
  }
  [[maybe_unused]] const int closed = co_await ring::close_file(core_.ring(), *folder);
  co_return result;
}

}  // namespace ringpost::mta
