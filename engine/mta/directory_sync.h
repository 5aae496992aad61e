// DirectorySync: one fsync of a directory serves everybody who renamed into it before the fsync
// began. Deliveries to one mailbox thus share their last, slowest step. Owner: one core, for the
// mailboxes whose deliveries it owns.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "engine/ring/await.h"
#include "engine/ring/task.h"
#include "proto/base/fault.h"

namespace ringpost::mta {

class DirectorySync {
 public:
  explicit DirectorySync(ring::Core& core) : core_(core) {}
  DirectorySync(const DirectorySync&) = delete;
  DirectorySync& operator=(const DirectorySync&) = delete;

  // Ends when an fsync of the directory that began after this call has ended. `file` is a
  // descriptor of it and must stay open until then; `path` only names it in a Fault.
  ring::Task<std::expected<void, Fault>> sync(std::string path, int file);

 private:
  struct Waiter {
    int file;
    int result = 0;
    ring::Signal done;
  };
  // A path may come to mean another directory meanwhile, and one directory may have many paths.
  struct Identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    auto operator<=>(const Identity&) const = default;
  };
  struct Directory {
    bool running = false;
    std::vector<Waiter*> waiting;
  };

  static std::expected<Identity, Fault> identity_of(int file, const std::string& path);
  ring::Task<void> run(Identity identity);

  ring::Core& core_;
  ring::Scope scope_;
  std::map<Identity, Directory> directories_;
};

}  // namespace ringpost::mta
