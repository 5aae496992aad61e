// PasswordPool: compares passwords with what a table keeps of them: crypt(3) hashes and keys of
// SCRAM. That is slow on purpose, so a few threads do it, never a core. Thread-safe. A user whom
// nobody knows costs the same time as one with a wrong password.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/ring/core.h"
#include "proto/base/secret.h"

namespace ringpost::mta {

// Checks that wait; more come back at once.
inline constexpr std::size_t password_checks_waiting_max = 256;

// A password on its way: caller-owned, and must stay until its handler was called on `core`.
struct PasswordCheck : ring::Message {
  enum class Result : std::uint8_t {
    Wrong,
    Right,
    Unusable,  // what is stored is of no form that is known here
    Busy,      // too many wait
  };
  PasswordCheck(Handler called, ring::Core& asker, std::string kept, Secret given)
      : Message(called), core(asker), stored(std::move(kept)), password(std::move(given)) {}

  ring::Core& core;
  std::string stored;  // empty: the user is not known
  Secret password;     // wiped as soon as it was compared
  Result result = Result::Wrong;
};

// What the check does, here and now.
PasswordCheck::Result compare_password(std::string_view stored, const Secret& password);

class PasswordPool {
 public:
  explicit PasswordPool(unsigned threads);
  // Checks that are still waiting are done first.
  ~PasswordPool();
  PasswordPool(const PasswordPool&) = delete;
  PasswordPool& operator=(const PasswordPool&) = delete;

  // Any thread. The check always comes back.
  void check(PasswordCheck& check);
  // Once this returns, the pool is done with every core whose checks have all come back.
  void settle() { const std::lock_guard guard(lock_); }

 private:
  void run();

  std::mutex lock_;
  std::condition_variable waiting_;
  std::deque<PasswordCheck*> checks_;
  std::string decoy_;  // what was last compared with: for users who are not known
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ringpost::mta
