// StartGate: where the threads of the workers wait for each other and for the main thread: all
// made, all met, all listening, all finished (and told to). A failure of one is everybody's.
// Thread-safe.
#pragma once

#include <barrier>
#include <mutex>
#include <optional>

#include "proto/base/fault.h"

namespace ringpost::mta {

struct StartGate {
  explicit StartGate(unsigned workers)
      : made(workers + 1), met(workers + 1), listening(workers + 1), finished(workers + 1) {}
  void fail(const Fault& fault) {
    const std::lock_guard guard(lock);
    if (!failure) failure = fault;
  }
  std::mutex lock;
  std::optional<Fault> failure;
  std::barrier<> made, met, listening, finished;
};

}  // namespace ringpost::mta
