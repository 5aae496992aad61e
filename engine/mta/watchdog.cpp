// Asking the cores whether they turn: see watchdog.h.
#include "engine/mta/watchdog.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "engine/mta/gathering.h"

namespace ringpost::mta {
namespace {

// The parent, whom WATCHDOG_PID names, speaks for all of us.
Duration wanted_interval() {
  const char* const text = std::getenv("WATCHDOG_USEC");
  std::int64_t value = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), value);
  return microseconds(value);
}

}  // namespace

void Watchdog::start(std::span<Worker* const> workers, process::ParentLink* parent) {
  const Duration wanted = wanted_interval();
  if (wanted <= Duration{} || parent == nullptr) return;
  workers_.assign(workers.begin(), workers.end());
  parent_ = parent;
  // Three times in the time that is given, so that one late answer is no alarm.
  thread_ = std::thread([this, wanted] { run({wanted.ns / 3}); });
}

void Watchdog::run(Duration interval) {
  std::unique_lock guard(lock_);
  while (!stopping_) {
    guard.unlock();
    auto turns = std::make_shared<Gathering<bool>>(workers_.size());
    for (Worker* worker : workers_) worker->post([turns](Worker&) { turns->answer(true); });
    if (turns->wait(interval)) parent_->tell_alive();
    guard.lock();
    wake_.wait_for(guard, std::chrono::nanoseconds(interval.ns), [this] { return stopping_; });
  }
}

void Watchdog::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace ringpost::mta
