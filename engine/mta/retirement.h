// Retirement: where generations end. A core drops the last reference to one when the last session
// of it closes; freeing tables of a million rows, or ending the threads of others, is not a core's
// work, so a thread of its own does it. Thread-safe; outlives every generation that it watches.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/mta/generation.h"

namespace ringpost::mta {

class Retirement {
 public:
  Retirement();
  // Everything watched must have been dropped; frees what is left to be freed.
  ~Retirement();
  Retirement(const Retirement&) = delete;
  Retirement& operator=(const Retirement&) = delete;

  // The same generation, which this thread frees when the last copy of the result is gone.
  std::shared_ptr<const Generation> watch(std::shared_ptr<const Generation> generation);

 private:
  void take(std::shared_ptr<const Generation> generation);
  void run();

  std::mutex lock_;
  std::condition_variable waiting_;
  std::vector<std::shared_ptr<const Generation>> retired_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ringpost::mta
