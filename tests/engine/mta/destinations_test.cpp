// The destinations of a core as its dispatcher uses them, with scripted LMTP servers: how many
// connections, what a dead server costs others, and who is told what when none is made.
#include "engine/mta/destinations.h"

#include <gtest/gtest.h>

#include "tests/engine/mta/lmtp_server.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using test::LmtpServer;

class DestinationsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.start()); }
  void TearDown() override {
    dispatcher().stop();
    EXPECT_TRUE(run([&] { return dispatcher().idle(); }));
  }

  Dispatcher& dispatcher() { return *rig_.dispatcher; }
  store::Scheduler& scheduler() { return dispatcher().destinations().scheduler(); }

  struct Server {
    std::string action;
    std::string destination;
  };
  // Actions by LMTP, tried again after growing multiples of `retry`.
  void configure(const std::vector<Server>& servers, Duration retry = seconds(10),
                 std::vector<conf::NamedLimit> limits = {}) {
    auto generation = std::make_shared<Generation>();
    generation->config.queue.retry_interval = retry;
    generation->config.mta.limits = std::move(limits);
    for (const Server& server : servers) {
      auto action = std::make_unique<conf::Action>();
      action->name = server.action;
      action->method = conf::Method::Lmtp;
      action->lmtp_destination = server.destination;
      generation->config.actions.push_back(std::move(action));
    }
    rig_.parts.generation = generation;
    dispatcher().use_generation();
  }
  QueueId accept(const std::string& action, Duration later = {}, unsigned recipients = 1) {
    store::Envelope envelope;
    envelope.recipients.resize(recipients);
    for (store::Recipient& recipient : envelope.recipients) {
      recipient.action = action;
      recipient.user = "alice";
      recipient.final_address = "alice@example.org";
    }
    return rig_.accept("x\r\n", std::move(envelope), later).id;
  }
  bool run(const std::function<bool()>& finished) {
    dispatcher().pause(false);
    return rig_.run([&] {
      dispatcher().end_of_turn();
      return finished();
    });
  }
  std::uint64_t delivered() const { return rig_.metrics.delivery.delivered.value(); }
  std::uint64_t delayed() const { return rig_.metrics.delivery.delayed.value(); }
  std::string nowhere() const { return folder_.file("nowhere"); }
  store::Obstacle obstacle_of(const std::string& name) {
    const auto destination = scheduler().find_destination(name);
    return destination ? scheduler().figures(*destination, rig_.core->now()).obstacle
                       : store::Obstacle::Unknown;
  }
  // Messages for a server that is not there, until that is left alone. How many had an attempt.
  std::uint64_t fail_at(const std::string& action, unsigned messages) {
    for (unsigned i = 0; i < messages; ++i) accept(action);
    EXPECT_TRUE(run([&] {
      return obstacle_of("lmtp:" + nowhere()) == store::Obstacle::DestinationLeftAlone &&
             dispatcher().destinations().idle();
    }));
    return delayed();
  }

  void alarm() {}

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  ring::TimerOf<DestinationsTest, &DestinationsTest::alarm> alarm_{*this};
};

TEST_F(DestinationsTest, ManyMessagesTakeABoundedNumberOfConnections) {
  const LmtpServer server({});
  configure({{"lmtp", server.destination()}});
  for (int i = 0; i < 60; ++i) accept("lmtp");
  EXPECT_TRUE(run([&] { return delivered() == 60 && rig_.index.size() == 0; }));
  EXPECT_LE(server.connections(), 20u);
  EXPECT_EQ(scheduler().recipients(), 0u);
}

TEST_F(DestinationsTest, RecipientsOfAMessageShareATransaction) {
  const LmtpServer server({});
  configure({{"lmtp", server.destination()}});
  accept("lmtp", {}, 3);
  EXPECT_TRUE(run([&] { return delivered() == 3; }));
  ASSERT_EQ(server.messages().size(), 1u);
  EXPECT_EQ(server.messages()[0].recipients.size(), 3u);
}

TEST_F(DestinationsTest, ADeadServerCostsFewAttemptsAndDelaysNobody) {
  const LmtpServer alive({});
  configure({{"dead", nowhere()}, {"alive", alive.destination()}});
  EXPECT_LE(fail_at("dead", 30), 10u);
  for (int i = 0; i < 5; ++i) accept("alive");
  EXPECT_TRUE(run([&] { return delivered() == 5 && rig_.index.size() == 30; }));
  EXPECT_TRUE(test::wait_for([&] {
    return test::read_text(folder_.file("log")).contains("event=destination.left-alone");
  }));
}

TEST_F(DestinationsTest, WhatWaitsForAServerGoesWhenTheOperatorHastensIt) {
  configure({{"lmtp", nowhere()}});
  fail_at("lmtp", 30);
  const LmtpServer server({}, nowhere());
  for (const QueueId id : rig_.ids()) EXPECT_TRUE(rig_.schedule(id));
  EXPECT_TRUE(run([&] { return delivered() == 30 && rig_.index.size() == 0; }));
}

TEST_F(DestinationsTest, AServerThatIsBackIsFoundWithoutHelp) {
  configure({{"lmtp", nowhere()}}, milliseconds(50));
  fail_at("lmtp", 30);
  const LmtpServer server({}, nowhere());
  EXPECT_TRUE(run([&] { return delivered() == 30 && rig_.index.size() == 0; }));
}

TEST_F(DestinationsTest, WhatWaitsFollowsAChangedConfiguration) {
  configure({{"lmtp", nowhere()}});
  fail_at("lmtp", 30);
  const LmtpServer server({});
  configure({{"lmtp", server.destination()}});
  for (const QueueId id : rig_.ids()) rig_.schedule(id);
  EXPECT_TRUE(run([&] { return delivered() == 30 && rig_.index.size() == 0; }));
  EXPECT_EQ(scheduler().recipients(), 0u);
}

TEST_F(DestinationsTest, WhatIsRemovedIsForgottenByItsDestination) {
  configure({{"lmtp", nowhere()}});
  fail_at("lmtp", 10);
  unsigned removed = 0;
  for (const QueueId id : rig_.ids())
    dispatcher().remove(id, [&](bool done) { removed += done ? 1 : 0; });
  EXPECT_TRUE(run([&] { return removed == 10; }));
  EXPECT_EQ(scheduler().recipients(), 0u);
}

TEST_F(DestinationsTest, WhatIsTooOldEndsThoughNoConnectionWasMade) {
  configure({{"lmtp", nowhere()}}, milliseconds(20));
  const auto now = rig_.core->now();
  scheduler().pause(scheduler().destination("lmtp:" + nowhere(), 0, now), now);
  accept("lmtp", seconds(-5LL * 86'400));
  rig_.dispatcher->pause(true);
  EXPECT_TRUE(rig_.run([&] {
    dispatcher().end_of_turn();
    return rig_.metrics.delivery.expired.value() == 1;
  }));
  EXPECT_EQ(delayed(), 1u);
  EXPECT_TRUE(test::wait_for([&] {
    return test::read_text(folder_.file("log"))
        .contains("nowhere: there was no connection for it in time\" attempt=0 ");
  }));
}

// There are no rules in this rig, so no report has a way to the sender.
TEST_F(DestinationsTest, WhatIsTooOldAndCannotBeReturnedIsNotTriedAgain) {
  configure({{"lmtp", nowhere()}}, milliseconds(10));
  const auto now = rig_.core->now();
  scheduler().pause(scheduler().destination("lmtp:" + nowhere(), 0, now), now);
  const QueueId id = accept("lmtp", seconds(-5LL * 86'400));
  const auto is_kept = [&] {
    return is_kept_back(rig_.index.find(id)->recipients.at(0), rig_.core->wall());
  };
  const auto turn_until = [&](const std::function<bool()>& finished) {
    return rig_.run([&] {
      dispatcher().end_of_turn();
      return finished();
    });
  };
  EXPECT_TRUE(turn_until([&] { return is_kept() && dispatcher().idle(); }));
  EXPECT_EQ(scheduler().recipients(), 0u);
  const auto later = rig_.core->now() + milliseconds(500);
  rig_.core->timers().arm(alarm_, later);
  EXPECT_TRUE(turn_until([&] { return rig_.core->now() >= later; }));
  rig_.core->timers().disarm(alarm_);
  EXPECT_EQ(rig_.metrics.delivery.expired.value(), 1u);
  EXPECT_TRUE(rig_.schedule(id));
  EXPECT_TRUE(turn_until([&] { return scheduler().recipients() == 1; }));
}

// The operator may hold and release a recipient while its batch is not settled yet.
TEST_F(DestinationsTest, WhatComesBackWhileItsBatchIsUnderWayIsNotLost) {
  std::atomic<bool> go_on{false};
  const LmtpServer server(
      {.at_rcpt = {{"alice", "450 4.2.1 Later\r\n"}}, .before_final_replies = [&] {
         while (!go_on) usleep(1'000);
       }});
  configure({{"lmtp", server.destination()}});
  store::Envelope envelope;
  envelope.recipients.resize(2);
  for (store::Recipient& recipient : envelope.recipients) recipient.action = "lmtp";
  envelope.recipients[0].user = "alice";
  envelope.recipients[1].user = "bob";
  const QueueId id = rig_.accept("x\r\n", std::move(envelope)).id;
  const store::RecipientKey key{id, 0};
  ASSERT_TRUE(run([&] { return scheduler().state_of(key) == store::RecipientState::UnderWay; }));
  RoutedRecipient again;
  again.key = key;
  again.destination = "lmtp:" + server.destination();
  again.due = rig_.core->wall();
  again.deadline = rig_.core->wall() + seconds(60);
  dispatcher().destinations().forget(key);
  dispatcher().destinations().add(again);
  go_on = true;
  // It was to be tried at once: that is what becomes of it, not the next time of its own.
  EXPECT_TRUE(run([&] { return delivered() == 1 && delayed() == 2; }));
  EXPECT_TRUE(
      run([&] { return !dispatcher().is_active(id, 0) && dispatcher().destinations().idle(); }));
  EXPECT_EQ(scheduler().state_of(key), store::RecipientState::Waiting);
}

TEST_F(DestinationsTest, AReloadBringsItsLimitsToDestinationsThatAreKnown) {
  configure({{"lmtp", nowhere()}});
  fail_at("lmtp", 10);
  const auto one_at_a_time = [](const char* domain) {
    return conf::NamedLimit{.domain = domain, .key = "max-conn-per-domain", .value = 1};
  };
  configure({{"lmtp", nowhere()}}, seconds(10), {one_at_a_time("a.test"), one_at_a_time("b.test")});
  const LmtpServer server({.before_final_replies = [] { usleep(20'000); }}, nowhere());
  for (const QueueId id : rig_.ids()) rig_.schedule(id);
  EXPECT_TRUE(run([&] { return delivered() == 10; }));
  EXPECT_GT(server.connections(), 1u);
}

TEST_F(DestinationsTest, PausedDeliveriesStopLmtpToo) {
  const LmtpServer server({});
  configure({{"lmtp", server.destination()}});
  dispatcher().pause(true);
  accept("lmtp");
  for (int i = 0; i < 10; ++i)
    rig_.core->turn_again(), rig_.run([&] {
      dispatcher().end_of_turn();
      return true;
    });
  EXPECT_EQ(obstacle_of("lmtp:" + server.destination()), store::Obstacle::DestinationPaused);
  EXPECT_EQ(delivered(), 0u);
  EXPECT_TRUE(run([&] { return delivered() == 1; }));
}

TEST_F(DestinationsTest, MoreConnectionsAreOpenedAsAServerTakesThemWell) {
  const LmtpServer server({.before_final_replies = [] { usleep(2'000); }});
  configure({{"lmtp", server.destination()}});
  for (int i = 0; i < 150; ++i) accept("lmtp");
  EXPECT_TRUE(run([&] { return delivered() == 150; }));
  EXPECT_GT(server.connections(), 5u);
  EXPECT_LE(server.connections(), 20u);
}

}  // namespace
}  // namespace ringpost::mta
