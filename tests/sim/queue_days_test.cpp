// Five days of a large queue in simulated time: dead, slow, greylisting, refusing and full
// destinations beside good ones. Every recipient comes to the end that its server gives it, after
// the attempts and with the warnings and reports that the rules foresee, and nobody waits for what
// others do.
#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/queue_world.h"

namespace ringpost::sim {
namespace {

// Of the recipients; under a sanitizer the same with a tenth of them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint32_t scale = 10;
#else
constexpr std::uint32_t scale = 1;
#endif
#else
constexpr std::uint32_t scale = 1;
#endif

constexpr Duration hours(std::int64_t n) { return seconds(n * 3'600); }
constexpr Duration days(std::int64_t n) { return hours(24 * n); }

struct Group {
  std::vector<std::uint32_t> servers;
  std::vector<std::size_t> letters;
};

class QueueDays : public ::testing::Test {
 protected:
  // So many servers of a kind, with so many messages for each, of so many recipients.
  Group add(std::uint32_t servers, std::uint32_t messages, std::uint32_t recipients,
            const Server& server) {
    Group group;
    for (std::uint32_t i = 0; i < servers; ++i) group.servers.push_back(world.add_server(server));
    for (std::uint32_t m = 0; m < messages; ++m)
      for (const std::uint32_t to : group.servers) accept(group, to, 1, recipients);
    return group;
  }
  void accept(Group& group, std::uint32_t server, std::uint32_t sender, std::uint32_t recipients) {
    const std::size_t first = world.accept(server, sender, recipients);
    for (std::uint32_t i = 0; i < recipients; ++i) group.letters.push_back(first + i);
  }
  const Letter& letter(std::size_t at) const { return world.letters()[at]; }
  const Server& server(std::uint32_t at) const { return world.servers()[at]; }
  Duration longest(const Group& group) const {
    Duration result{};
    for (const std::size_t at : group.letters)
      result = std::max(result, letter(at).ended - letter(at).received);
    return result;
  }
  template <class Value>
  std::uint64_t sum(const Group& group, Value Letter::* value) const {
    std::uint64_t result = 0;
    for (const std::size_t at : group.letters) result += letter(at).*value;
    return result;
  }
  void expect_ends(const Group& group, std::uint64_t deliveries, std::uint64_t bounces,
                   std::uint64_t warnings) const {
    const std::uint64_t count = group.letters.size();
    EXPECT_EQ(sum(group, &Letter::deliveries), deliveries * count);
    EXPECT_EQ(sum(group, &Letter::bounces), bounces * count);
    EXPECT_EQ(sum(group, &Letter::warnings), warnings * count);
  }
  void expect_attempts(const Group& group, std::uint16_t attempts) const {
    for (const std::size_t at : group.letters) ASSERT_EQ(letter(at).attempts, attempts) << at;
  }

  QueueWorld world{{.limits = {.sessions_max = 1'000, .recipients_max = 20'000}}};
};

class MillionRecipients : public QueueDays {
 protected:
  // Good servers come last in line.
  void accept_all() {
    Server dead, returns, slow, greylists, refuses, full;
    dead.answers_from = never;
    returns.answers_from = begin + days(2);
    slow.transaction = seconds(60);
    greylists.manner = Manner::Greylists;
    refuses.manner = Manner::Refuses;
    full.manner = Manner::IsFull;
    to_dead = add(50, 2'000 / scale, 1, dead);
    to_returning = add(10, 5'000 / scale, 1, returns);
    to_slow = add(40, 1'000 / scale, 1, slow);
    to_greylisting = add(1'000, 50 / scale, 2, greylists);
    to_refusing = add(100, 1'000 / scale, 1, refuses);
    to_full = add(10, 1'000 / scale, 1, full);
    to_huge = add(1, 399'000 / scale, 1, {});
    for (int i = 0; i < 1'000; ++i) accept(few_to_huge, to_huge.servers[0], 2, 1);
    to_good = add(2'000, 25 / std::min(scale, 5u), 4, {});
  }
  // Messages for good servers while all of that goes on: in every minute of the first hour after
  // the rush, then in every hour.
  void let_five_days_pass() {
    for (int minute = 3; minute <= 5 * 24 * 60; minute += minute < 60 ? 1 : 60) {
      world.run_until(begin + seconds(minute * 60));
      accept(later, to_good.servers[static_cast<std::size_t>(minute) % 2'000], 3, 1);
    }
    world.run_until(begin + days(5) + hours(1));
  }

  Instant begin = world.now();
  Group to_dead, to_returning, to_slow, to_greylisting, to_refusing, to_full, to_huge, few_to_huge,
      to_good, later;
};

TEST_F(MillionRecipients, ComeToTheirEnds) {
  accept_all();
  EXPECT_GE(world.letters().size(), 1'000'000 / scale);
  let_five_days_pass();
  EXPECT_EQ(world.scheduler().recipients(), 0u);
  expect_ends(to_good, 1, 0, 0);
  expect_attempts(to_good, 1);
  expect_ends(to_huge, 1, 0, 0);
  expect_ends(few_to_huge, 1, 0, 0);
  expect_ends(later, 1, 0, 0);
  expect_ends(to_slow, 1, 0, 0);
  expect_attempts(to_slow, 1);
  expect_ends(to_greylisting, 1, 0, 0);
  expect_attempts(to_greylisting, 2);
  expect_ends(to_refusing, 0, 1, 0);
  expect_attempts(to_refusing, 1);
  // Attempts at once, at 400 s times 1, 4, 9 ... 841, the sixth of these at the warning; then four
  // days are over.
  expect_ends(to_full, 0, 1, 1);
  expect_attempts(to_full, 30);
  expect_ends(to_dead, 0, 1, 1);
  expect_attempts(to_dead, 0);
  expect_ends(to_returning, 1, 0, 1);
  expect_attempts(to_returning, 1);
  EXPECT_GE(longest(to_returning), days(2));
  EXPECT_LE(longest(to_returning), days(2) + hours(2));
  // Pauses of 1, 2, 4 ... 32 and then 60 minutes, each longer by up to an eighth.
  for (const std::uint32_t at : to_dead.servers) {
    EXPECT_GE(server(at).failed_connections, 85u);
    EXPECT_LE(server(at).failed_connections, 110u);
  }
  // The recipients of a message share a transaction.
  std::uint64_t transactions = 0;
  for (const std::uint32_t at : to_good.servers) transactions += server(at).transactions;
  EXPECT_EQ(transactions, to_good.letters.size() / 4 + later.letters.size());
}

TEST_F(MillionRecipients, DoNotWaitForOneAnother) {
  accept_all();
  let_five_days_pass();
  EXPECT_LE(world.sessions_most(), 1'000u);
  EXPECT_LE(server(to_huge.servers[0]).open_most, 100u);
  // What was there at the beginning is gone in minutes, whatever the dead, the slow and the huge
  // do; what comes later goes at once, but when all that was greylisted is due again.
  EXPECT_LE(longest(to_good), seconds(120));
  EXPECT_LE(longest(to_refusing), seconds(120));
  EXPECT_LE(longest(later), seconds(60));
  EXPECT_LE(std::ranges::count_if(later.letters,
                                  [&](std::size_t at) {
                                    return letter(at).ended - letter(at).received >
                                           milliseconds(500);
                                  }),
            2);
  // The second sender of the huge destination, last in line, waits for a share of its own only.
  EXPECT_LE(longest(few_to_huge) * 20, longest(to_huge) + seconds(100));
}

// The process ends and starts again in the middle of everything: no warning is repeated or left
// out, nothing is lost, and the schedule goes on.
TEST_F(QueueDays, GoOnAfterARestart) {
  const Instant begin = world.now();
  Server dead, full, good;
  dead.answers_from = never;
  full.manner = Manner::IsFull;
  const Group to_dead = add(20, 100, 1, dead);
  const Group to_full = add(20, 100, 1, full);
  const Group to_good = add(20, 200, 1, good);
  // Before the warning, right after it, and later; the second time it was due meanwhile.
  for (const Duration at : {seconds(3), hours(3), hours(4) + milliseconds(100), hours(30)}) {
    world.run_until(begin + at);
    world.restart();
  }
  world.run_until(begin + days(5));
  EXPECT_EQ(world.scheduler().recipients(), 0u);
  expect_ends(to_dead, 0, 1, 1);
  expect_ends(to_full, 0, 1, 1);
  expect_ends(to_good, 1, 0, 0);
  // A transaction that was under way at a restart happens again.
  EXPECT_GE(sum(to_full, &Letter::attempts), 30 * to_full.letters.size());
  EXPECT_LE(sum(to_full, &Letter::attempts), 31 * to_full.letters.size());
}

}  // namespace
}  // namespace ringpost::sim
