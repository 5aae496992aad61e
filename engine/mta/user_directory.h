// UserDirectory: the system's users (getpwnam), asked in a thread of its own because name services
// may block for as long as they like. Answers are kept for a while, so that ordinary recipients
// cost a look into a map. Thread-safe. A name service that fails gives TemporaryFailure, which
// becomes 451.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "engine/ring/core.h"
#include "proto/conf/lookups.h"

namespace ringpost::mta {

// A question on its way: caller-owned, and must stay until its handler was called on `core`.
struct UserQuestion : ring::Message {
  UserQuestion(Handler called, ring::Core& asker, std::string user)
      : Message(called), core(asker), name(std::move(user)) {}
  ring::Core& core;
  std::string name;
};

class UserDirectory {
 public:
  UserDirectory();
  // Questions that are still waiting are answered first.
  ~UserDirectory();
  UserDirectory(const UserDirectory&) = delete;
  UserDirectory& operator=(const UserDirectory&) = delete;

  struct Answer {
    conf::AnswerState state = conf::AnswerState::Later;
    conf::UserInfo user;
  };
  // Asks the name service; blocks for as long as that likes.
  static Answer look_up(const std::string& name);
  // What is known now; Later: ask() and look again.
  Answer find(std::string_view name, Instant now);
  // The question comes back to its core once find() will not say Later (for a little while).
  void ask(UserQuestion& question);
  // Once this returns, the thread is done with every core whose questions were all answered.
  void settle() { const std::lock_guard guard(lock_); }

 private:
  struct Kept {
    Answer answer;
    Instant until;
  };
  void run();

  std::mutex lock_;
  std::condition_variable waiting_;
  std::unordered_map<std::string, Kept> kept_;
  std::deque<UserQuestion*> questions_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ringpost::mta
