// The queue of one core: what it tells of attempts, and what the operator does meanwhile. Without
// an action every attempt is put off; those of `lmtp` go to a scripted server.
#include "engine/mta/dispatcher.h"

#include <gtest/gtest.h>

#include "tests/engine/mta/lmtp_server.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

class DispatcherTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.start()); }
  // Runs attempts until `count` have ended.
  bool attempt(std::uint64_t count) {
    rig_.dispatcher->pause(false);
    const bool done = rig_.run([&] {
      rig_.dispatcher->end_of_turn();
      return rig_.metrics.delivery.delayed.value() >= count && rig_.dispatcher->idle();
    });
    rig_.dispatcher->pause(true);
    return done;
  }
  void act_by_lmtp(const std::string& destination, bool by_address) {
    auto action = std::make_unique<conf::Action>();
    action->name = "lmtp";
    action->method = conf::Method::Lmtp;
    action->lmtp_destination = destination;
    action->lmtp_rcpt_to = by_address;
    auto generation = std::make_shared<Generation>();
    generation->config.actions.push_back(std::move(action));
    rig_.parts.generation = generation;
  }
  // Messages of one recipient for the action above.
  void accept_for_lmtp(unsigned count, const std::string& user = "alice") {
    for (unsigned i = 0; i < count; ++i) {
      store::Envelope envelope;
      envelope.recipients.resize(1);
      envelope.recipients[0].action = "lmtp";
      envelope.recipients[0].user = user;
      envelope.recipients[0].final_address = user + "@example.org";
      rig_.accept("x\r\n", std::move(envelope));
    }
  }
  bool run_attempts(const std::function<bool()>& finished) {
    rig_.dispatcher->pause(false);
    const bool done = rig_.run([&] {
      rig_.dispatcher->end_of_turn();
      return finished();
    });
    rig_.dispatcher->pause(true);
    return done;
  }
  bool logged(const std::string& text) {
    return test::wait_for(
        [&] { return test::read_text(folder_.file("log")).find(text) != std::string::npos; },
        seconds(5));
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
};

TEST_F(DispatcherTest, AClockThatWasSetBackGivesNoNegativeDelay) {
  rig_.accept("x\r\n", 1, seconds(3'600));
  ASSERT_TRUE(attempt(1));
  EXPECT_TRUE(logged("attempt.finished"));
  EXPECT_TRUE(logged(" delay=0.000"));
}

TEST_F(DispatcherTest, DeliversByLmtpToTheUserOrTheAddress) {
  const test::LmtpServer server({});
  act_by_lmtp(server.destination(), false);
  accept_for_lmtp(1);
  ASSERT_TRUE(run_attempts([&] { return rig_.metrics.delivery.delivered.value() == 1; }));
  act_by_lmtp(server.destination(), true);
  accept_for_lmtp(1);
  ASSERT_TRUE(run_attempts([&] { return rig_.metrics.delivery.delivered.value() == 2; }));
  const auto messages = server.messages();
  EXPECT_EQ(messages.at(0).recipients, std::vector<std::string>{"alice"});
  EXPECT_EQ(messages.at(1).recipients, std::vector<std::string>{"alice@example.org"});
  rig_.dispatcher->stop();
  EXPECT_TRUE(run_attempts([&] { return rig_.dispatcher->idle() && rig_.index.size() == 0; }));
}

TEST_F(DispatcherTest, AServerThatHangsLeavesRoomForOthers) {
  std::atomic<bool> go_on{false};
  const test::LmtpServer server({.before_final_replies = [&] {
    while (!go_on) usleep(1'000);
  }});
  act_by_lmtp(server.destination(), false);
  accept_for_lmtp(60);
  rig_.accept("x\r\n");  // of an action that is not there: put off at once
  EXPECT_TRUE(run_attempts([&] { return rig_.metrics.delivery.delayed.value() == 1; }));
  EXPECT_EQ(rig_.metrics.delivery.delivered.value(), 0u);
  go_on = true;
  EXPECT_TRUE(run_attempts([&] { return rig_.metrics.delivery.delivered.value() == 60; }));
  rig_.dispatcher->stop();
  EXPECT_TRUE(run_attempts([&] { return rig_.dispatcher->idle(); }));
}

TEST_F(DispatcherTest, WhatIsRefusedForGoodIsHeldUntilTheOperatorSaysOtherwise) {
  const test::LmtpServer server({.at_rcpt = {{"nobody", "550 5.1.1 No such user\r\n"}}});
  act_by_lmtp(server.destination(), false);
  accept_for_lmtp(1, "nobody");
  const QueueId id = rig_.ids().at(0);
  const auto failures = [&](std::uint64_t count) {
    return rig_.metrics.delivery.failed.value() == count && !rig_.dispatcher->is_active(id, 0);
  };
  ASSERT_TRUE(run_attempts([&] { return failures(1); }));
  EXPECT_TRUE(logged(" result=failed status=5.1.1 "));
  EXPECT_EQ(rig_.metrics.delivery.expired.value(), 0u);
  EXPECT_TRUE(rig_.dispatcher->last_error(id, 0).contains("550 No such user"));
  const auto due = rig_.index.find(id)->recipients.at(0).next_due;
  EXPECT_GT(due - rig_.core->wall(), seconds(86'400LL * 3'650));
  EXPECT_TRUE(rig_.schedule(id));
  ASSERT_TRUE(run_attempts([&] { return failures(2); }));
  rig_.dispatcher->stop();
  EXPECT_TRUE(run_attempts([&] { return rig_.dispatcher->idle(); }));
}

// Two orders for one message: the second comes while the first is being made durable.
TEST_F(DispatcherTest, RemovingWhatIsBeingRemovedSucceeds) {
  const QueueId id = rig_.accept("x\r\n").id;
  std::vector<bool> told;
  for (int i = 0; i < 3; ++i)
    rig_.dispatcher->remove(id, [&told](bool done) { told.push_back(done); });
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(rig_.run([&] { return rig_.dispatcher->idle(); }));
  EXPECT_EQ(told, (std::vector<bool>{true, true, true}));
  rig_.dispatcher->remove(id, [&told](bool done) { told.push_back(done); });
  EXPECT_FALSE(told.back());
}

TEST_F(DispatcherTest, RemovesSomeRecipientsAndThenTheMessage) {
  const QueueId id = rig_.accept("x\r\n", 3).id;
  const auto remove = [&](std::vector<std::uint32_t> recipients) {
    return *test::result_of(*rig_.core,
                            rig_.dispatcher->obey(OperatorOrder::Remove, id, recipients));
  };
  EXPECT_EQ(remove({1}).done, 1u);
  EXPECT_EQ(rig_.index.find(id)->recipients.at(1).status, store::DeliveryStatus::Removed);
  EXPECT_EQ(rig_.index.pending_recipients(), 2u);
  EXPECT_EQ(remove({1, 7}).done, 0u);  // done with, and not there
  EXPECT_EQ(remove({0}).done, 1u);
  EXPECT_EQ(remove({2}).done, 1u);
  EXPECT_EQ(rig_.index.find(id), nullptr);
  EXPECT_TRUE(logged("message.removed"));
  EXPECT_EQ(remove({2}).done, 0u);
}

TEST_F(DispatcherTest, WhatWasScheduledCanBeScheduledAndRemovedAgain) {
  const QueueId id = rig_.accept("x\r\n", 2, seconds(3'600)).id;
  const auto obey = [&](OperatorOrder order, std::vector<std::uint32_t> recipients) {
    return *test::result_of(*rig_.core, rig_.dispatcher->obey(order, id, recipients));
  };
  EXPECT_EQ(obey(OperatorOrder::Schedule, {0, 1}).done, 2u);
  EXPECT_EQ(obey(OperatorOrder::Schedule, {1}).done, 1u);
  EXPECT_EQ(obey(OperatorOrder::Remove, {1}).done, 1u);
  ASSERT_TRUE(attempt(1));
  EXPECT_EQ(rig_.index.find(id)->recipients.at(0).attempts, 1u);
  EXPECT_EQ(rig_.index.find(id)->recipients.at(1).attempts, 0u);
}

TEST_F(DispatcherTest, WhatIsHeldIsNotTriedUntilItIsReleased) {
  const QueueId id = rig_.accept("x\r\n", 2).id;
  const auto obey = [&](OperatorOrder order, std::vector<std::uint32_t> recipients) {
    return *test::result_of(*rig_.core, rig_.dispatcher->obey(order, id, recipients));
  };
  const auto progress = [&](std::uint32_t i) { return rig_.index.find(id)->recipients.at(i); };
  EXPECT_EQ(obey(OperatorOrder::Hold, {0}).done, 1u);
  EXPECT_TRUE(progress(0).is_held());
  EXPECT_EQ(obey(OperatorOrder::Hold, {0}).done, 0u);  // it is
  EXPECT_EQ(obey(OperatorOrder::Schedule, {0, 1}).held, 1u);
  ASSERT_TRUE(attempt(1));
  EXPECT_EQ(progress(0).attempts, 0u);
  EXPECT_EQ(progress(1).attempts, 1u);
  EXPECT_EQ(obey(OperatorOrder::Release, {0, 1}).done, 1u);
  EXPECT_FALSE(progress(0).is_held());
  ASSERT_TRUE(attempt(2));
  EXPECT_EQ(progress(0).attempts, 1u);
}

TEST_F(DispatcherTest, WhatWasHeldInAnEarlierLifeStaysAside) {
  store::MessageSummary message;
  message.id = QueueId{7};
  message.envelope.segment = store::SegmentId{1};
  message.recipients.resize(2);
  message.recipients[0].hold_changes = 3;
  rig_.dispatcher->recovered(message);
  // It cannot be read, which the attempt notices.
  EXPECT_TRUE(run_attempts([&] { return !rig_.dispatcher->last_error(message.id, 1).empty(); }));
  EXPECT_EQ(rig_.dispatcher->last_error(message.id, 0), "");
  EXPECT_TRUE(rig_.run([&] { return rig_.dispatcher->idle(); }));
}

TEST_F(DispatcherTest, BouncingEndsRecipientsOfTheNullSenderWithoutAReport) {
  store::Envelope envelope;
  envelope.recipients.resize(2);
  for (store::Recipient& recipient : envelope.recipients)
    recipient.notify_flags = store::notify::never;
  const QueueId id = rig_.accept("x\r\n", std::move(envelope)).id;
  const auto obey = [&](OperatorOrder order, std::vector<std::uint32_t> recipients) {
    return *test::result_of(*rig_.core, rig_.dispatcher->obey(order, id, recipients));
  };
  EXPECT_EQ(obey(OperatorOrder::Hold, {1}).done, 1u);
  EXPECT_EQ(obey(OperatorOrder::Bounce, {1}).done, 1u);  // held or not
  EXPECT_EQ(rig_.index.find(id)->recipients.at(1).status, store::DeliveryStatus::Failed);
  EXPECT_EQ(obey(OperatorOrder::Bounce, {0, 1}).done, 1u);
  EXPECT_EQ(rig_.index.find(id), nullptr);
  EXPECT_TRUE(logged(" result=failed status=5.7.0 detail=\"The operator of this mail server"));
  EXPECT_EQ(rig_.metrics.delivery.reports.value(), 0u);
}

TEST_F(DispatcherTest, AnErrorOfAnEarlierLifeIsShown) {
  const QueueId id = rig_.accept("x\r\n").id;
  rig_.dispatcher->restore_error(id, 0, "Permission denied");
  EXPECT_EQ(rig_.dispatcher->last_error(id, 0), "Permission denied");
  EXPECT_EQ(rig_.dispatcher->last_error(id, 1), "");
}

}  // namespace
}  // namespace ringpost::mta
