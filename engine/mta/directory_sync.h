// DirectorySync: one fsync of a directory serves everybody who renamed into it before the fsync
// began. Deliveries to one mailbox thus share their last, slowest step. Owner: one core, for the
// mailboxes whose deliveries it owns.
#pragma once

#include <expected>
#include <string>
#include <unordered_map>
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

  // Ends when an fsync of `path` that began after this call has ended. `file` is a descriptor of
  // that very directory; it must stay open until then.
  ring::Task<std::expected<void, Fault>> sync(std::string path, int file);

 private:
  struct Waiter {
    int file;
    int result = 0;
    ring::Signal done;
  };
  struct Directory {
    bool running = false;
    std::vector<Waiter*> waiting;
  };

  ring::Task<void> run(std::string path);

  ring::Core& core_;
  ring::Scope scope_;
  std::unordered_map<std::string, Directory> directories_;
};

}  // namespace ringpost::mta
