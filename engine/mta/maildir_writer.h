// MaildirWriter: one delivery into a Maildir in named steps: create in tmp, write, fsync, rename
// into new, fsync of new. Only then is it delivered. Lines end with LF in the file, as Maildir
// readers expect. Owner: one core. The name is made of the message's id alone, so a delivery that
// is repeated after a crash replaces its own file.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "engine/mta/content_reader.h"
#include "engine/mta/directory_sync.h"
#include "engine/ring/await.h"
#include "engine/ring/task.h"

namespace ringpost::mta {

struct MaildirOrder {
  std::string folder;     // absolute; made with tmp, new and cur when it is missing
  std::string file_name;  // unique, the same for every try of this delivery
  std::string fields;     // Return-Path and Delivered-To, lines ended by CRLF
};

class MaildirWriter {
 public:
  MaildirWriter(ring::Core& core, DirectorySync& syncs) : core_(core), syncs_(syncs) {}

  // Everything named must stay until the task has ended. On a Fault nothing of it remains in the
  // Maildir.
  ring::Task<std::expected<void, Fault>> deliver(const MaildirOrder& order, ContentReader& content);

 private:
  ring::Task<std::expected<int, Fault>> create_in_tmp(const MaildirOrder& order,
                                                      const std::string& path);
  ring::Task<std::expected<void, Fault>> make_folders(const MaildirOrder& order);
  enum class Folder : std::uint8_t { Above, Maildir, Inside };
  ring::Task<std::expected<void, Fault>> make_folder(std::string path, Folder folder);
  ring::Task<std::expected<void, Fault>> sync_parent(std::string path, bool needed);
  ring::Task<std::expected<void, Fault>> write_file(int file, const MaildirOrder& order,
                                                    ContentReader& content);
  ring::Task<std::expected<void, Fault>> write_all(int file, std::string_view text,
                                                   std::uint64_t offset);
  ring::Task<std::expected<int, Fault>> open_new(const MaildirOrder& order,
                                                 const std::string& path);
  ring::Task<std::expected<void, Fault>> publish(const MaildirOrder& order,
                                                 const std::string& tmp_path);

  ring::Core& core_;
  DirectorySync& syncs_;
};

}  // namespace ringpost::mta
