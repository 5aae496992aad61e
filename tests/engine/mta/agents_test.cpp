// A core and its agents: orders with content, how many there are of a user, what a deadline and an
// agent that dies become. A real parent makes them.
#include "engine/mta/agents.h"

#include <fstream>

#include <sys/stat.h>

#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"
#include "tests/engine/process/parent_fixture.h"

namespace ringpost::mta {
namespace {

using Reply = Agents::Reply;

class AgentsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(rig_.start());
    agents_ = std::make_unique<Agents>(*rig_.core, parent_.link.get(), limits_);
  }
  void TearDown() override {
    agents_->stop();
    agents_.reset();
  }
  process::AgentUser self() const {
    return {.uid = geteuid() == 0 ? 20001 : geteuid(),
            .gid = geteuid() == 0 ? 20001 : getegid(),
            .name = "alice"};
  }
  process::CommandOrder command(const std::string& text, std::uint32_t seconds_max = 20) const {
    return {.command = text, .environment = {}, .folder = "/", .seconds_max = seconds_max};
  }
  ring::Task<void> deliver(process::AgentOrder order, std::vector<store::Extent> extents,
                           std::optional<Reply>& result) {
    auto memory = disk::AlignedMemory::map(ReadBuffers::bytes);
    ContentReader content(rig_.core->ring(), *rig_.segments, memory->bytes(), extents);
    result = co_await agents_->deliver(self(), std::move(order), "Return-Path: <a@b>\r\n", content,
                                       is_shared_);
  }
  Reply run(process::AgentOrder order, std::string_view message = "Subject: x\r\n\r\nbody\r\n") {
    const auto extents = rig_.accept(message).envelope.extents;
    return run_with(std::move(order), extents);
  }
  Reply run_with(process::AgentOrder order, const std::vector<store::Extent>& extents) {
    std::optional<Reply> result;
    ring::Scope scope;
    ring::Task<void>::spawn(scope, deliver(std::move(order), extents, result));
    EXPECT_TRUE(rig_.run([&] { return scope.idle(); }));
    return std::move(*result);
  }
  Reply ask(process::AgentOrder order) {
    return *test::result_of(*rig_.core, agents_->ask(self(), std::move(order)));
  }
  pid_t pid_of_agent() {
    const Reply reply = run(command("echo $PPID; exit 1"));
    EXPECT_TRUE(reply && reply->text.starts_with("exit status 1: "));
    return reply ? std::stoi(reply->text.substr(15)) : 0;
  }

  test::ParentProcess parent_;  // before the rig, which starts threads
  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  AgentLimits limits_{.per_user_max = 2,
                      .idle_max = milliseconds(300),
                      .wait_max = milliseconds(300),
                      .work_max = seconds(5),
                      .command_grace = seconds(1)};
  bool is_shared_ = false;
  std::unique_ptr<Agents> agents_;
};

TEST_F(AgentsTest, ContentArrivesWithLfLineEnds) {
  const Reply reply = run(command("cat; exit 1"), "Subject: x\r\n\r\nbody\rwith CR\r\n");
  ASSERT_TRUE(reply) << to_text(reply.error());
  EXPECT_EQ(reply->text, "exit status 1: Return-Path: <a@b>\nSubject: x\n\nbody\rwith CR\n");
}

TEST_F(AgentsTest, LargeContentIsExact) {
  std::string content;
  for (unsigned i = 0; content.size() < (3u << 20); ++i)
    content += "line " + std::to_string(i) + std::string(i % 97, 'x') + "\r\n";
  std::string wanted = "Return-Path: <a@b>\n";
  for (const char c : content)
    if (c != '\r') wanted += c;
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  const Reply reply = run(process::MaildirOrder{folder_.file("Maildir"), "", "1.R1.host"}, content);
  ASSERT_TRUE(reply) << to_text(reply.error());
  EXPECT_EQ(reply->status, process::AgentStatus::Done) << reply->text;
  EXPECT_TRUE(test::read_text(folder_.file("Maildir/new/1.R1.host")) == wanted);
}

TEST_F(AgentsTest, DamagedContentIsToldAsItIs) {
  auto extents = rig_.accept(test::pattern(600'000)).envelope.extents;
  extents.back().crc ^= 1;
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  const Reply reply =
      run_with(process::MaildirOrder{folder_.file("Maildir"), "", "1.R1.host"}, extents);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, EBADMSG);
  EXPECT_EQ(agents_->at_work(), 0u);
  EXPECT_TRUE(rig_.run([&] { return std::filesystem::is_empty(folder_.file("Maildir/tmp")); }));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.file("Maildir/new")));
}

TEST_F(AgentsTest, OneIsKeptForTheNextOrderAndThenLetGo) {
  const pid_t first = pid_of_agent();
  EXPECT_EQ(pid_of_agent(), first);
  EXPECT_TRUE(rig_.run([&] { return kill(first, 0) != 0 && errno == ESRCH; }));
  EXPECT_NE(pid_of_agent(), first);
}

// Many users are served within the time that an agent is kept: it must not be one for each of them.
TEST_F(AgentsTest, NotMoreAreKeptThanTheLimit) {
  limits_.kept_max = 1;
  limits_.idle_max = seconds(60);
  agents_ = std::make_unique<Agents>(*rig_.core, parent_.link.get(), limits_);
  const auto extents = rig_.accept("x\r\n").envelope.extents;
  std::optional<Reply> results[2];
  ring::Scope scope;
  for (auto& result : results)
    ring::Task<void>::spawn(scope,
                            deliver(command("echo $PPID; sleep 0.1; exit 1"), extents, result));
  ASSERT_TRUE(rig_.run([&] { return scope.idle(); }));
  unsigned alive = 0;
  ASSERT_TRUE(rig_.run([&] {
    alive = 0;
    for (const auto& result : results)
      if (kill(std::stoi((*result)->text.substr(15)), 0) == 0) ++alive;
    return alive == 1;
  }));
}

TEST_F(AgentsTest, OneWhoDeliversForManyHasMore) {
  limits_.shared_max = 4;
  agents_ = std::make_unique<Agents>(*rig_.core, parent_.link.get(), limits_);
  const auto extents = rig_.accept("x\r\n").envelope.extents;
  std::optional<Reply> results[4];
  ring::Scope scope;
  is_shared_ = true;
  for (auto& result : results)
    ring::Task<void>::spawn(scope, deliver(command("sleep 0.1; exit 3"), extents, result));
  EXPECT_EQ(agents_->at_work(), 4u);
  ASSERT_TRUE(rig_.run([&] { return scope.idle(); }));
}

TEST_F(AgentsTest, OneThatDiedIdleIsReplaced) {
  const pid_t first = pid_of_agent();
  ASSERT_EQ(kill(first, SIGKILL), 0);
  usleep(100'000);
  EXPECT_NE(pid_of_agent(), first);
}

TEST_F(AgentsTest, OneThatDiesAtWorkIsAFault) {
  const Reply reply = run(command("kill -9 $PPID; sleep 5"));
  ASSERT_FALSE(reply);
  EXPECT_EQ(to_text(reply.error()), "agent alice: Connection reset by peer");
  EXPECT_TRUE(ask(process::ForwardOrder{folder_.file("no")}));
}

TEST_F(AgentsTest, NoMoreOfAUserThanTheLimitAndTheRestWaits) {
  const auto extents = rig_.accept("x\r\n").envelope.extents;
  std::optional<Reply> results[5];
  ring::Scope scope;
  for (auto& result : results)
    ring::Task<void>::spawn(scope, deliver(command("sleep 0.1; exit 3"), extents, result));
  EXPECT_EQ(agents_->at_work(), 2u);
  ASSERT_TRUE(rig_.run([&] {
    EXPECT_LE(agents_->at_work(), 2u);
    return scope.idle();
  }));
  for (const auto& result : results) EXPECT_EQ((*result)->code, 3);
}

TEST_F(AgentsTest, WhoWaitsTooLongIsToldSo) {
  const auto extents = rig_.accept("x\r\n").envelope.extents;
  std::optional<Reply> results[3];
  ring::Scope scope;
  for (auto& result : results)
    ring::Task<void>::spawn(scope, deliver(command("sleep 1; exit 3"), extents, result));
  ASSERT_TRUE(rig_.run([&] { return scope.idle(); }));
  EXPECT_EQ((*results[0])->code, 3);
  EXPECT_EQ((*results[1])->code, 3);
  ASSERT_FALSE(*results[2]);
  EXPECT_EQ(results[2]->error().code, EBUSY);
}

TEST_F(AgentsTest, ADeadlineEndsTheAgentAndItsCommand) {
  limits_.command_grace = milliseconds(-700);
  agents_ = std::make_unique<Agents>(*rig_.core, parent_.link.get(), limits_);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  const std::string path = folder_.file("pid");
  const Reply reply = run(command("echo $$ > " + path + "; sleep 1000", 1));
  ASSERT_FALSE(reply);
  EXPECT_EQ(to_text(reply.error()), "agent alice: Connection timed out");
  EXPECT_EQ(agents_->at_work(), 0u);
  const pid_t pid = std::stoi(test::read_text(path));
  EXPECT_TRUE(rig_.run(
      [&] { return test::read_text("/proc/" + std::to_string(pid) + "/cmdline").empty(); }));
}

TEST_F(AgentsTest, AbortEndsWhatIsAtWork) {
  const auto extents = rig_.accept("x\r\n").envelope.extents;
  std::optional<Reply> results[3];
  ring::Scope scope;
  for (auto& result : results)
    ring::Task<void>::spawn(scope, deliver(command("sleep 1000"), extents, result));
  ASSERT_EQ(agents_->at_work(), 2u);
  agents_->abort();
  ASSERT_TRUE(rig_.run([&] { return scope.idle(); }));
  for (const auto& result : results) EXPECT_FALSE(*result);
}

TEST_F(AgentsTest, AnOrderThatNoAgentWouldTake) {
  const Reply reply = ask(process::ForwardOrder{"no/absolute/path"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, EINVAL);
}

TEST_F(AgentsTest, WithoutAParentThereAreNone) {
  Agents none(*rig_.core, nullptr, limits_);
  const Reply reply = *test::result_of(*rig_.core, none.ask(self(), process::ForwardOrder{"/"}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ENOTSUP);
}

TEST_F(AgentsTest, WhatNeedsNoAgent) {
  EXPECT_TRUE(Agents::is_ourselves(geteuid()));
  EXPECT_FALSE(Agents::is_ourselves(geteuid() + 1));
}

}  // namespace
}  // namespace ringpost::mta
