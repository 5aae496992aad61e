// A thread of its own that takes no signals: they belong to the main thread.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace ringpost::ring {

// Runs `body`, with every signal blocked from its first instruction on.
template <class Body>
std::thread quiet_thread(Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace ringpost::ring
