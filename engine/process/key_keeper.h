// KeyKeeper: the parent's part of the key process: makes it when the first key is to be loaded,
// opens the files of keys for it, and makes it anew when it has ended, with the same keys. Nothing
// here waits.
#pragma once

#include <deque>
#include <map>
#include <string>

#include <poll.h>
#include <sys/types.h>

#include "engine/process/key_frame.h"
#include "proto/base/clock.h"

namespace ringpost::process {

class KeyKeeper {
 public:
  KeyKeeper() = default;
  KeyKeeper(const KeyKeeper&) = delete;
  KeyKeeper& operator=(const KeyKeeper&) = delete;
  ~KeyKeeper();

  // The sockets are taken over. `answer` gets the KeyAnswer. The process becomes `user` with the
  // first key; who that is cannot be changed later.
  void load(const std::string& path, const std::string& user, int answer, Instant now);
  void serve(int socket, Instant now);
  void forget(Instant before, Instant now);

  // For the parent's poll(2), and what to do when that has returned.
  pollfd wish() const;
  void took(short events, Instant now);
  Instant deadline() const { return start_at_; }
  void expire(Instant now);
  // False: `pid` is not the key process. It will be made anew at the deadline.
  bool ended(pid_t pid, Instant now);
  // In a process that has no use for it.
  void close_copy() const;
  // The key process ends when it is done.
  void stop();

 private:
  struct Waiting {
    KeyOrder order;
    int socket = -1;  // that goes with it
  };
  void start(Instant now);
  void let_go();
  void put(KeyOrder order, int socket, Instant now);
  bool send_first();
  void flush();

  std::string user_;
  pid_t pid_ = -1;
  int socket_ = -1;
  std::deque<Waiting> outbox_;
  std::map<std::string, Instant> loaded_;  // paths, and when they were asked for last
  Instant started_{};
  Instant start_at_ = never;
  Duration pause_{};
};

}  // namespace ringpost::process
