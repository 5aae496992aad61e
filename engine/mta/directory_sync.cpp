// Shared directory syncs: see directory_sync.h. A failed fsync fails everybody who waited for it.
#include "engine/mta/directory_sync.h"

#include <cerrno>
#include <compare>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace ringpost::mta {

// Blocks nobody: without AT_STATX_DONT_SYNC a network file system might ask its server.
std::expected<DirectorySync::Identity, Fault> DirectorySync::identity_of(int file,
                                                                         const std::string& path) {
  struct statx status{};
  if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0)
    return std::unexpected(Fault{"statx", errno, path});
  return Identity{makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
}

ring::Task<std::expected<void, Fault>> DirectorySync::sync(std::string path, int file) {
  const auto identity = identity_of(file, path);
  if (!identity) co_return std::unexpected(identity.error());
  Waiter waiter{.file = file, .result = 0, .done = {}};
  Directory& directory = directories_[*identity];
  directory.waiting.push_back(&waiter);
  if (!directory.running) {
    directory.running = true;
    ring::Task<void>::spawn(scope_, run(*identity));
  }
  co_await waiter.done;
  if (waiter.result < 0) co_return std::unexpected(Fault{"fsync", -waiter.result, std::move(path)});
  co_return std::expected<void, Fault>{};
}

// Runs while somebody waits. Whoever comes during an fsync is served by the next one.
ring::Task<void> DirectorySync::run(Identity identity) {
  while (true) {
    std::vector<Waiter*> served;
    served.swap(directories_[identity].waiting);
    if (served.empty()) break;
    const int result = co_await ring::sync_file(core_.ring(), served.front()->file);
    for (Waiter* waiter : served) {
      waiter->result = result;
      waiter->done.set();
    }
  }
  directories_.erase(identity);
}

}  // namespace ringpost::mta
