// OfflineIntake: a thread that takes mail out of the offline folder, at the start and every so
// often, and hands it to the local socket in the name of the file's owner. A file goes once its
// message is durable: a crash repeats a message, and never loses one. Files may be hostile; what is
// no message of its owner, or is refused for good, is put aside into a folder beside it.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>

#include <unistd.h>

#include "engine/mta/submit.h"
#include "engine/observe/event_log.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/submission/offline_file.h"

namespace ringpost::mta {

struct OfflineIntakeOptions {
  std::string folder;       // made with make_offline_folder()
  std::string socket_path;  // the local socket
  std::uint64_t message_octets_max = 0;
  Duration interval = seconds(30);
};

class OfflineIntake {
 public:
  OfflineIntake() = default;
  // Ends a message that is under way; those that wait go on waiting.
  ~OfflineIntake() { stop(); }
  OfflineIntake(const OfflineIntake&) = delete;
  OfflineIntake& operator=(const OfflineIntake&) = delete;

  // Main thread, once the socket accepts.
  std::expected<void, Fault> start(OfflineIntakeOptions options, observe::EventLog& log);
  void stop();
  // Looks into the folder at once, at what it has given up as well. Any thread, until stop().
  void look_now();

  // Hands in a message of the daemon's own, and blocks until it is taken or not. Any thread,
  // between start() and stop().
  SubmitResult submit_own(const submission::Submission& message);

  // In whose name this process hands in a message: one at a time. Any thread; lives as long as
  // this.
  const std::atomic<std::uint32_t>& uid_under_way() const { return uid_; }

 private:
  struct Taken {
    std::string_view why_not = {};  // not empty: put aside for this reason
    submission::OfflineMessage message = {};
    std::uint32_t owner = 0;
    std::uint64_t inode = 0;
    bool is_old = false;
  };

  void run();
  void wake() const;
  void pass();
  void look_at(const std::string& name);
  Taken take(const std::string& name) const;
  void hand_in(const std::string& name, const Taken& taken);
  void remove(const std::string& name, std::uint64_t inode) const;
  void set_aside(const std::string& name, std::uint32_t owner, std::string_view reason);
  bool stopping() const { return stopping_.load(); }

  OfflineIntakeOptions options_;
  observe::EventLog* log_ = nullptr;
  SubmitResult submit_as(std::uint32_t uid, const submission::Submission& message);

  std::mutex turn_;  // held while a message is handed in
  std::atomic<std::uint32_t> uid_{geteuid()};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> started_{false};
  std::atomic<bool> anew_{false};  // nothing counts as given up
  int wake_ = -1;
  int folder_ = -1;
  std::unordered_set<std::string> given_up_;  // could not be put aside; told once
  std::thread thread_;
};

}  // namespace ringpost::mta
