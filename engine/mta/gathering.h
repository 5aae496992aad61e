// Gathering: answers of several cores for a thread that waits for them, not for longer than it
// says. Thread-safe; shared by all, since the waiter may give up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "proto/base/clock.h"

namespace ringpost::mta {

template <class Answer>
class Gathering {
 public:
  explicit Gathering(std::size_t expected) : missing_(expected) {}

  void answer(Answer one) {
    const std::lock_guard guard(lock_);
    answers_.push_back(std::move(one));
    if (--missing_ == 0) all_here_.notify_all();
  }
  // Nothing: somebody did not answer in time.
  std::optional<std::vector<Answer>> wait(Duration limit) {
    std::unique_lock guard(lock_);
    const auto ns = std::chrono::nanoseconds(limit.ns);
    if (!all_here_.wait_for(guard, ns, [this] { return missing_ == 0; })) return std::nullopt;
    return std::move(answers_);
  }

 private:
  std::mutex lock_;
  std::condition_variable all_here_;
  std::size_t missing_;
  std::vector<Answer> answers_;
};

}  // namespace ringpost::mta
