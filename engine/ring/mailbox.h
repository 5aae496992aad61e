// Mailbox: how other threads reach a core. Messages are caller-owned nodes, so sending allocates
// nothing and a mailbox cannot overflow: its bound is the bound on the things that may send. Any
// thread may push; only the owning core drains. Messages of one sender arrive in the order in which
// it sent them.
#pragma once

#include <atomic>

namespace ringpost::ring {

// Owned by the sender until pushed, by the receiving core from then on (it may be sent back).
struct Message {
  using Handler = void (*)(Message&);
  explicit Message(Handler called) : handler(called) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  Handler handler;
  Message* next = nullptr;
};

class Mailbox {
 public:
  // True when the mailbox was empty: only then does the receiver need a wake-up.
  bool push(Message& message) {
    Message* first = first_.load(std::memory_order_relaxed);
    do {
      message.next = first;
    } while (!first_.compare_exchange_weak(first, &message, std::memory_order_release,
                                           std::memory_order_relaxed));
    return first == nullptr;
  }

  bool empty() const { return first_.load(std::memory_order_relaxed) == nullptr; }

  // Runs the handlers of everything that was pushed so far, oldest first. Owning core only.
  void drain() {
    Message* newest = first_.exchange(nullptr, std::memory_order_acquire);
    Message* oldest = nullptr;
    while (newest != nullptr) {
      Message* older = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = older;
    }
    while (oldest != nullptr) {
      Message& message = *oldest;
      oldest = oldest->next;
      message.handler(message);
    }
  }

 private:
  alignas(64) std::atomic<Message*> first_{nullptr};
};

}  // namespace ringpost::ring
