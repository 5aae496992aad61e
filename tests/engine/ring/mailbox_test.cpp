// Mailbox: order per sender with several producers, exactly one wake-up per filling, and messages
// that are sent on from their handler.
#include "engine/ring/mailbox.h"

#include <deque>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::ring {
namespace {

struct Numbered : Message {
  explicit Numbered(Handler called) : Message(called) {}
  std::size_t sender = 0;
  std::size_t number = 0;
  std::vector<std::vector<std::size_t>>* seen = nullptr;
  int content = 0;  // plain data: written by the sender, read by the receiver
};

void note(Message& message) {
  auto& numbered = static_cast<Numbered&>(message);
  EXPECT_EQ(numbered.content, static_cast<int>(numbered.number) + 1);
  (*numbered.seen)[numbered.sender].push_back(numbered.number);
}

TEST(MailboxTest, OnlyTheFirstPushAsksForAWakeUp) {
  std::vector<std::vector<std::size_t>> seen(1);
  Mailbox mailbox;
  std::deque<Numbered> messages;
  for (std::size_t i = 0; i < 3; ++i) {
    Numbered& message = messages.emplace_back(&note);
    message.number = i;
    message.seen = &seen;
    message.content = static_cast<int>(i) + 1;
    EXPECT_EQ(mailbox.empty(), i == 0);
    EXPECT_EQ(mailbox.push(message), i == 0);
  }
  mailbox.drain();
  EXPECT_EQ(seen[0], (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_TRUE(mailbox.empty());
  EXPECT_TRUE(mailbox.push(messages[0]));
  mailbox.drain();
}

TEST(MailboxTest, KeepsTheOrderOfEverySender) {
  constexpr std::size_t senders = 4;
  constexpr std::size_t count = 20'000;
  std::vector<std::vector<std::size_t>> seen(senders);
  std::vector<std::deque<Numbered>> messages(senders);
  for (std::size_t s = 0; s < senders; ++s) {
    for (std::size_t i = 0; i < count; ++i) {
      Numbered& message = messages[s].emplace_back(&note);
      message.sender = s;
      message.number = i;
      message.seen = &seen;
    }
  }
  Mailbox mailbox;
  std::atomic<std::size_t> wake_ups{0};
  std::vector<std::thread> threads;
  for (std::size_t s = 0; s < senders; ++s) {
    threads.emplace_back([&, s] {
      for (Numbered& message : messages[s]) {
        message.content = static_cast<int>(message.number) + 1;
        if (mailbox.push(message)) wake_ups.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  const auto received = [&] {
    std::size_t sum = 0;
    for (const auto& one : seen) sum += one.size();
    return sum;
  };
  std::size_t fillings = 0;
  while (received() < senders * count) {
    const std::size_t before = received();
    mailbox.drain();
    if (received() != before) ++fillings;
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wake_ups.load(), fillings);
  for (const auto& one : seen)
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(one[i], i);
}

struct Circling : Message {
  explicit Circling(Mailbox& box) : Message(&Circling::handle), mailbox(box) {}
  static void handle(Message& message) {
    auto& self = static_cast<Circling&>(message);
    ++self.rounds;
    EXPECT_TRUE(self.mailbox.push(message));
  }
  Mailbox& mailbox;
  int rounds = 0;
};

TEST(MailboxTest, AMessageSentOnFromItsHandlerComesInTheNextDrain) {
  Mailbox mailbox;
  Circling circling(mailbox);
  mailbox.push(circling);
  for (int round = 1; round <= 5; ++round) {
    mailbox.drain();
    EXPECT_EQ(circling.rounds, round);
    EXPECT_FALSE(mailbox.empty());
  }
}

}  // namespace
}  // namespace ringpost::ring
