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
  // `dropped` is called instead of the handler when the receiver ends before it looks: a message
  // that frees itself does so there as well.
  explicit Message(Handler called, Handler when_dropped = nullptr)
      : handler(called), dropped(when_dropped) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  Handler handler;
  Handler dropped;
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
    take_all([](Message& message) { message.handler(message); });
  }
  // The owner ends: what was pushed is not handled any more.
  void drop() {
    take_all([](Message& message) {
      if (message.dropped != nullptr) message.dropped(message);
    });
  }

 private:
  void take_all(void (*take)(Message&)) {
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
      take(message);
    }
  }

  alignas(64) std::atomic<Message*> first_{nullptr};
};

}  // namespace ringpost::ring
