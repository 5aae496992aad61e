// EndWatch: ends the process when its own end does not come: a file system that hangs keeps threads
// in the kernel for as long as it likes, and nothing that they wait for may be freed meanwhile.
// Owner: one thread; `give_up` runs on a thread of the watch.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "proto/base/clock.h"

namespace ringpost::mta {

class EndWatch {
 public:
  // Unless it is destroyed before `limit` has passed, `give_up` is called (it may say why) and the
  // process ends with exit_status: without destructors, since the kernel may still write to our
  // memory. What is durable stays so, and nothing else was acknowledged.
  EndWatch(Duration limit, std::function<void()> give_up);
  ~EndWatch();
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;

  static constexpr int exit_status = 75;  // sysexits.h: EX_TEMPFAIL

 private:
  void run(Duration limit);

  std::function<void()> give_up_;
  std::mutex lock_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace ringpost::mta
