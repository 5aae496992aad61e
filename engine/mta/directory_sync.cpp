// Shared directory syncs: see directory_sync.h. A failed fsync fails everybody who waited for it.
#include "engine/mta/directory_sync.h"

namespace ringpost::mta {

ring::Task<std::expected<void, Fault>> DirectorySync::sync(std::string path, int file) {
  Waiter waiter{.file = file, .result = 0, .done = {}};
  Directory& directory = directories_[path];
  directory.waiting.push_back(&waiter);
  if (!directory.running) {
    directory.running = true;
    ring::Task<void>::spawn(scope_, run(path));
  }
  co_await waiter.done;
  if (waiter.result < 0) co_return std::unexpected(Fault{"fsync", -waiter.result, std::move(path)});
  co_return std::expected<void, Fault>{};
}

// Runs while somebody waits. Whoever comes during an fsync is served by the next one.
ring::Task<void> DirectorySync::run(std::string path) {
  while (true) {
    std::vector<Waiter*> served;
    served.swap(directories_[path].waiting);
    if (served.empty()) break;
    const int result = co_await ring::sync_file(core_.ring(), served.front()->file);
    for (Waiter* waiter : served) {
      waiter->result = result;
      waiter->done.set();
    }
  }
  directories_.erase(path);
}

}  // namespace ringpost::mta
