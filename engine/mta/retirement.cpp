// The end of generations: see retirement.h.
#include "engine/mta/retirement.h"

#include <utility>

namespace ringpost::mta {

Retirement::Retirement() : thread_([this] { run(); }) {}

Retirement::~Retirement() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  waiting_.notify_one();
  thread_.join();
}

std::shared_ptr<const Generation> Retirement::watch(std::shared_ptr<const Generation> generation) {
  const Generation* const plain = generation.get();
  return {plain, [this, kept = std::move(generation)](const Generation*) mutable {
            take(std::move(kept));
          }};
}

void Retirement::take(std::shared_ptr<const Generation> generation) {
  {
    const std::lock_guard guard(lock_);
    retired_.push_back(std::move(generation));
  }
  waiting_.notify_one();
}

void Retirement::run() {
  std::unique_lock guard(lock_);
  while (true) {
    waiting_.wait(guard, [this] { return stopping_ || !retired_.empty(); });
    if (retired_.empty()) return;
    std::vector<std::shared_ptr<const Generation>> ending = std::exchange(retired_, {});
    guard.unlock();
    ending.clear();
    guard.lock();
  }
}

}  // namespace ringpost::mta
