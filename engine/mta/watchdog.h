// Watchdog: tells the parent that every core turns, as often as the service manager wants to hear
// it (WATCHDOG_USEC of the environment). A core that hangs is silence, and the service manager acts
// on that. Does nothing without one.
#pragma once

#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "engine/mta/worker.h"
#include "engine/process/parent_link.h"

namespace ringpost::mta {

class Watchdog {
 public:
  Watchdog() = default;
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { stop(); }

  // The workers must stay until stop().
  void start(std::span<Worker* const> workers, process::ParentLink* parent);
  void stop();

 private:
  void run(Duration interval);

  std::vector<Worker*> workers_;
  process::ParentLink* parent_ = nullptr;
  std::mutex lock_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ringpost::mta
