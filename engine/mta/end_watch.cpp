// The hard end of a stop: see end_watch.h.
#include "engine/mta/end_watch.h"

#include <chrono>
#include <utility>

#include <unistd.h>

namespace ringpost::mta {

EndWatch::EndWatch(Duration limit, std::function<void()> give_up)
    : give_up_(std::move(give_up)), thread_([this, limit] { run(limit); }) {}

EndWatch::~EndWatch() {
  {
    const std::lock_guard guard(lock_);
    over_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void EndWatch::run(Duration limit) {
  {
    std::unique_lock guard(lock_);
    const auto ns = std::chrono::nanoseconds(limit.ns);
    if (ended_.wait_for(guard, ns, [this] { return over_; })) return;
  }
  give_up_();
  _exit(exit_status);
}

}  // namespace ringpost::mta
