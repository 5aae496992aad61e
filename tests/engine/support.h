// What the engine's tests share: a core of their own, and a loop that ends by itself.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/ring/clock.h"
#include "engine/ring/core.h"

namespace ringpost::test {

using ring::monotonic_now;

inline std::unique_ptr<ring::Core> make_core(ring::CoreOptions options = {}) {
  options.ring.direct_files_max = std::min(options.ring.direct_files_max, 1024u);
  auto core = ring::Core::create(options);
  if (!core) ADD_FAILURE() << to_text(core.error());
  return core ? std::move(*core) : nullptr;
}

// Ends a wait of the loop in which nothing happens.
struct WakeUp {
  void fired() {}
  ring::TimerOf<WakeUp, &WakeUp::fired> timer{*this};
};

// Runs turns until `finished`; false when `limit` passed first.
inline bool run_until(ring::Core& core, const std::function<bool()>& finished,
                      Duration limit = seconds(20)) {
  const Instant end = monotonic_now() + limit;
  bool done = false;
  WakeUp wake_up;
  core.timers().arm(wake_up.timer, end);
  core.stop();
  core.run([&] {
    done = finished();
    return done || monotonic_now() > end;
  });
  core.timers().disarm(wake_up.timer);
  return done;
}

// A directory that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char room[] = "/var/tmp/ringpost-test-XXXXXX";
    const char* made = mkdtemp(room);
    EXPECT_NE(made, nullptr);
    path_ = made != nullptr ? made : "";
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ringpost::test
