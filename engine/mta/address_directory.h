// AddressDirectory: the addresses of host names that stand in the configuration (getaddrinfo),
// asked in a thread of its own because name services may block for as long as they like. Answers
// are kept for a while. Thread-safe; the thread begins with the first question.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/net/address.h"
#include "engine/ring/core.h"

namespace ringpost::mta {

// A question on its way and then its answer: caller-owned, and must stay until its handler was
// called on `core`.
struct AddressQuestion : ring::Message {
  AddressQuestion(Handler called, ring::Core& asker, std::string host_name,
                  std::uint16_t port_number)
      : Message(called), core(asker), host(std::move(host_name)), port(port_number) {}
  ring::Core& core;
  std::string host;
  std::uint16_t port;
  std::vector<net::Address> addresses;  // in the order of the name service
  std::string error;                    // why there are none
};

class AddressDirectory {
 public:
  AddressDirectory() = default;
  // Questions that are still waiting are answered first.
  ~AddressDirectory();
  AddressDirectory(const AddressDirectory&) = delete;
  AddressDirectory& operator=(const AddressDirectory&) = delete;

  void ask(AddressQuestion& question);
  // Once this returns, the thread is done with every core whose questions were all answered.
  void settle() { const std::lock_guard guard(lock_); }

 private:
  struct Kept {
    std::vector<std::string> hosts;  // as literals
    std::string error;
    Instant until;
  };
  void run();
  static Kept look_up(const std::string& host);
  static void answer(AddressQuestion& question, const Kept& kept);

  std::mutex lock_;
  std::condition_variable waiting_;
  std::unordered_map<std::string, Kept> kept_;
  std::deque<AddressQuestion*> questions_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ringpost::mta
