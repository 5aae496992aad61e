// File: a descriptor and what an agent does with it. Blocking: for processes of their own (agents),
// never for a core. Every failure is a Fault with the path.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>
#include <sys/types.h>

#include "proto/base/fault.h"

namespace ringpost::process {

class File {
 public:
  File() = default;
  File(int file, std::string path) : file_(file), path_(std::move(path)) {}
  // O_CLOEXEC is added.
  static std::expected<File, Fault> open(const std::string& path, int flags, mode_t mode = 0);
  File(File&& other) noexcept
      : file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)) {}
  File& operator=(File&& other) noexcept {
    std::swap(file_, other.file_);
    path_.swap(other.path_);
    return *this;
  }
  ~File();

  int descriptor() const { return file_; }
  const std::string& path() const { return path_; }
  Fault fault(std::string_view operation, int code) const { return {operation, code, path_}; }

  std::expected<struct stat, Fault> status() const;
  // All of it, at the file's position.
  std::expected<void, Fault> write(std::string_view octets);
  // To the end; EFBIG when there is more than `octets_max`.
  std::expected<std::string, Fault> read(std::size_t octets_max);
  std::expected<void, Fault> sync();
  // close(2) may be the first to tell that a write failed.
  std::expected<void, Fault> close();

 private:
  int file_ = -1;
  std::string path_;
};

// The folder that holds `path`.
std::string folder_of(const std::string& path);
// What was made in or renamed into a folder is durable after this.
std::expected<void, Fault> sync_folder(const std::string& path);

}  // namespace ringpost::process
