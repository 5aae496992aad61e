// Looking at files: see watched_files.h.
#include "engine/process/watched_files.h"

#include <utility>

namespace ringpost::process {
namespace {

constexpr Duration look_step = seconds(2);
constexpr std::size_t files_max = 200'000;

}  // namespace

bool WatchedFiles::read_state(const std::string& path, State& state) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return false;
  state = {status.st_dev, status.st_ino, status.st_size, status.st_mtim};
  return true;
}

void WatchedFiles::watch(const std::string& path, Instant now) {
  if (next_look_ == never) next_look_ = now + look_step;
  const auto found = files_.find(path);
  if (found != files_.end()) {
    found->second.wanted = now;
    return;
  }
  if (files_.size() >= files_max) return;
  Watched watched{.state = {}, .wanted = now};
  read_state(path, watched.state);
  files_.emplace(path, watched);
}

void WatchedFiles::forget(Instant before) {
  std::erase_if(files_, [before](const auto& entry) { return entry.second.wanted < before; });
  if (files_.empty()) next_look_ = never;
}

bool WatchedFiles::look(Instant now) {
  if (now < next_look_) return false;
  next_look_ = now + look_step;
  bool moved = false;
  for (auto& [path, watched] : files_) {
    State state;
    if (!read_state(path, state) || state == watched.state) continue;
    watched.state = state;
    moved = true;
  }
  if (moved) {
    changed_ = true;
    return false;
  }
  return std::exchange(changed_, false);
}

}  // namespace ringpost::process
