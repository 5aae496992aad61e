// Commands: what they get, what their end means, and that none can hold an agent.
#include "engine/process/run_command.h"

#include <csignal>
#include <fstream>

#include <sys/wait.h>

#include "tests/engine/process/executor_fixture.h"

namespace ringpost::process {
namespace {

class RunCommandTest : public testing::Test {
 protected:
  void SetUp() override { signal(SIGPIPE, SIG_IGN); }  // as in an agent

  AgentReply run(const std::string& command, const std::string& text = "message\n",
                 bool whole = true) {
    order_.command = command;
    test::SentContent sent(text, whole);
    return run_command(order_, sent.content());
  }

  static bool is_gone(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    return !std::getline(stat, text) || text.contains(") Z");
  }

  test::TemporaryDirectory folder_;
  CommandOrder order_{.command = {},
                      .environment = {"USER=alice", "SENDER=a@b.example", "PATH=/usr/bin:/bin"},
                      .folder = folder_.path(),
                      .seconds_max = 20};
};

TEST_F(RunCommandTest, GetsTheMessageTheEnvironmentAndTheFolder) {
  const std::string text(1'000'000, 'x');
  EXPECT_EQ(run("cat > out; env > env; pwd > pwd", text).status, AgentStatus::Done);
  EXPECT_TRUE(test::read_whole(folder_.file("out")) == text);
  EXPECT_EQ(test::read_whole(folder_.file("pwd")), folder_.path() + "\n");
  std::string environment = test::read_whole(folder_.file("env"));
  for (const char* line : {"USER=alice\n", "SENDER=a@b.example\n", "PATH=/usr/bin:/bin\n"}) {
    const std::size_t at = environment.find(line);
    ASSERT_NE(at, std::string::npos) << environment;
    environment.erase(at, std::string_view(line).size());
  }
  // The shell sets these by itself.
  for (const char* set : {"PWD=", "OLDPWD=", "SHLVL=", "_="}) {
    const std::size_t at = ("\n" + environment).find(std::string("\n") + set);
    if (at != std::string::npos) environment.erase(at, environment.find('\n', at) - at + 1);
  }
  EXPECT_EQ(environment, "");
}

TEST_F(RunCommandTest, ItsExitStatusDecides) {
  EXPECT_EQ(run("exit 0"), (AgentReply{AgentStatus::Done, 0, "", ""}));
  for (const int code : {71, 75})
    EXPECT_EQ(
        run("exit " + std::to_string(code)),
        (AgentReply{AgentStatus::Temporary, code, "exit status " + std::to_string(code), ""}));
  for (const int code : {1, 64, 67, 70, 73, 127})
    EXPECT_EQ(
        run("exit " + std::to_string(code)),
        (AgentReply{AgentStatus::Permanent, code, "exit status " + std::to_string(code), ""}));
  EXPECT_EQ(run("/no/such/program").status, AgentStatus::Permanent);
}

TEST_F(RunCommandTest, ASignalIsNoAnswer) {
  const AgentReply reply = run("kill -11 $$");
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_EQ(reply.code, 128 + 11);
  EXPECT_EQ(reply.text, "ended by signal 11");
}

TEST_F(RunCommandTest, TheFirstOfWhatItPrintsIsKept) {
  EXPECT_EQ(run("echo one; echo two >&2; exit 3").text, "exit status 3: one\ntwo\n");
  const AgentReply reply = run("cat >/dev/null; yes | head -c 3000000; exit 1");
  EXPECT_EQ(reply.text.size(), output_octets_max + std::string_view("exit status 1: ").size());
}

TEST_F(RunCommandTest, ItNeedNotReadTheMessage) {
  const std::string text(5'000'000, 'x');
  EXPECT_EQ(run("exit 0", text).status, AgentStatus::Done);
  EXPECT_EQ(run("head -c 10 >/dev/null; exec <&-; sleep 0.2; exit 75", text).code, 75);
}

TEST_F(RunCommandTest, AFolderThatIsNotThere) {
  order_.folder = folder_.file("no");
  EXPECT_EQ(run("pwd; exit 1").text, "exit status 1: /\n");
}

// With everything it has started.
TEST_F(RunCommandTest, WhatHangsIsKilled) {
  order_.seconds_max = 1;
  const Instant began = test::monotonic_now();
  const AgentReply reply = run("echo begun; (sleep 1000; touch late) & echo $! > child; wait");
  EXPECT_LT((test::monotonic_now() - began).seconds(), 30);
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_EQ(reply.code, ETIMEDOUT);
  EXPECT_EQ(reply.text, "did not end within 1 s and was killed: begun\n");
  const pid_t child = std::stoi(test::read_whole(folder_.file("child")));
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    gone = is_gone(child);
    usleep(10'000);
  }
  EXPECT_TRUE(gone);
}

TEST_F(RunCommandTest, WhatNeverStopsPrintingIsKilled) {
  order_.seconds_max = 1;
  const Instant began = test::monotonic_now();
  // Several, so that more is there however fast it is read.
  EXPECT_EQ(run("yes & yes & yes & yes & exec yes").code, ETIMEDOUT);
  EXPECT_LT((test::monotonic_now() - began).seconds(), 30);
}

// What it leaves behind prints on.
TEST_F(RunCommandTest, TheEndIsSeenBehindOutputWithoutEnd) {
  const Instant began = test::monotonic_now();
  const AgentReply reply = run("timeout 10 yes & timeout 10 yes & timeout 10 yes & exit 3");
  EXPECT_EQ(reply.code, 3);
  EXPECT_LT((test::monotonic_now() - began).seconds(), 9);
}

// By the operator, or for want of memory.
TEST_F(RunCommandTest, TheCommandOfAnAgentThatIsKilledEnds) {
  const pid_t agent = fork();
  if (agent == 0) {
    order_.command = "echo $$ > pid; exec sleep 1000";
    Content none(-1, false);
    run_command(order_, none);
    _exit(0);
  }
  pid_t command = 0;
  for (int i = 0; i < 500 && command == 0; ++i) {
    std::ifstream(folder_.file("pid")) >> command;
    usleep(10'000);
  }
  ASSERT_NE(command, 0);
  EXPECT_FALSE(is_gone(command));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    gone = is_gone(command);
    usleep(10'000);
  }
  EXPECT_TRUE(gone);
}

TEST_F(RunCommandTest, AHangingReaderOfALargeMessageIsKilled) {
  order_.seconds_max = 1;
  EXPECT_EQ(run("sleep 1000", std::string(3'000'000, 'x')).code, ETIMEDOUT);
}

// Something that it leaves behind with its output open does not hold the answer.
TEST_F(RunCommandTest, WhatItLeavesBehindIsNotWaitedFor) {
  const Instant began = test::monotonic_now();
  EXPECT_EQ(run("sleep 60 & exit 0").status, AgentStatus::Done);
  EXPECT_LT((test::monotonic_now() - began).seconds(), 30);
}

TEST_F(RunCommandTest, NobodyWaitsForItsAnswer) {
  const Instant began = test::monotonic_now();
  const AgentReply reply = run("cat > out; sleep 1000", std::string(100'000, 'x'), false);
  EXPECT_LT((test::monotonic_now() - began).seconds(), 30);
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_EQ(reply.code, ECONNABORTED);
}

}  // namespace
}  // namespace ringpost::process
