// WatchedFiles: tells that one of a set of files has changed. By looking at them from time to time:
// certificates are replaced by links and renames in folders of others, where a notification by the
// kernel would need a watch on every folder on the way.
#pragma once

#include <map>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "proto/base/clock.h"

namespace ringpost::process {

class WatchedFiles {
 public:
  void watch(const std::string& path, Instant now);
  // What was watched last before this is no longer looked at.
  void forget(Instant before);

  Instant deadline() const { return next_look_; }
  // True once for a change, when a further look saw none: a certificate and its key do not change
  // at the same moment. A file that is missing has not changed.
  bool look(Instant now);

 private:
  struct State {
    dev_t device = 0;
    ino_t number = 0;
    off_t size = 0;
    timespec modified{};
    bool operator==(const State& other) const {
      return device == other.device && number == other.number && size == other.size &&
             modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
    }
  };
  struct Watched {
    State state;
    Instant wanted;
  };
  static bool read_state(const std::string& path, State& state);

  std::map<std::string, Watched> files_;
  Instant next_look_ = never;
  bool changed_ = false;  // and not yet told
};

}  // namespace ringpost::process
