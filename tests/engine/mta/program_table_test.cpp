// A table that a program answers for: a real process (a shell script) at the other end; it dies,
// is silent, lies and is not there, and always everybody who asked gets an answer.
#include "engine/mta/program_table.h"

#include <algorithm>
#include <fstream>
#include <memory>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using conf::AnswerState;
using conf::TableService;

constexpr std::string_view handshake =
    "while read -r line; do [ \"$line\" = 'config|ready' ] && break; done\n"
    "echo 'register|alias'; echo 'register|domain'; echo 'register|ready'\n";

struct NotedEnquiry : TableEnquiry {
  NotedEnquiry(ring::Core& to, TableService service, std::string key, Duration limit)
      : TableEnquiry(&NotedEnquiry::arrived, to, {nullptr, service, std::move(key)}, '+',
                     test::monotonic_now() + limit) {}
  static void arrived(ring::Message& message) { static_cast<NotedEnquiry&>(message).back = true; }
  bool back = false;
};

class ProgramTableTest : public testing::Test {
 protected:
  ProgramTable& table(const std::string& script) {
    const std::string path = folder_.file("program");
    std::ofstream(path) << "#!/bin/sh\n" << script;
    chmod(path.c_str(), 0755);
    table_ = std::make_unique<ProgramTable>("people", path + " first  second", *log_);
    return *table_;
  }
  conf::Answer ask(TableService service, const std::string& key, Duration limit = seconds(20)) {
    NotedEnquiry enquiry(*core_, service, key, limit);
    table_->ask(enquiry);
    EXPECT_TRUE(test::run_until(*core_, [&] { return enquiry.back; }));
    table_->settle();
    return enquiry.answer;
  }
  std::size_t events(std::string_view name) {
    const std::string text = test::read_text(folder_.file("log"));
    std::size_t count = 0;
    const std::string wanted = "event=" + std::string(name);
    for (std::size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, at + 1))
      ++count;
    return count;
  }

  test::TemporaryDirectory folder_;
  std::unique_ptr<ring::Core> core_ = test::make_core();
  std::unique_ptr<observe::EventLog> log_ = test::open_log(folder_.file("log"));
  std::unique_ptr<ProgramTable> table_;
};

TEST_F(ProgramTableTest, Answers) {
  table(std::string(handshake) +
        "while IFS='|' read -r t v time name operation service id key; do\n"
        "  case $key in\n"
        "    alice) echo \"$operation-result|$id|found|$name $service $1 $2 $#\" ;;\n"
        "    broken) echo \"$operation-result|$id|error|no shelf\" ;;\n"
        "    *) echo \"$operation-result|$id|not-found\" ;;\n"
        "  esac\ndone\n");
  conf::Answer answer = ask(TableService::Alias, "alice");
  EXPECT_EQ(answer.state, AnswerState::Found);
  EXPECT_EQ(answer.text, "people alias first second 2");
  EXPECT_EQ(ask(TableService::Alias, "bob").state, AnswerState::NotFound);
  EXPECT_EQ(ask(TableService::Domain, "alice").state, AnswerState::Found);
  answer = ask(TableService::Alias, "broken");
  EXPECT_EQ(answer.state, AnswerState::TemporaryFailure);
  EXPECT_EQ(answer.text, "no shelf");
  EXPECT_EQ(ask(TableService::Alias, "a\nb").state, AnswerState::NotFound);
  answer = ask(TableService::UserInfo, "alice");
  EXPECT_EQ(answer.state, AnswerState::TemporaryFailure);
  EXPECT_NE(answer.text.find("userinfo"), std::string::npos);
}

TEST_F(ProgramTableTest, ManyAtOnceComeBackInAnyOrder) {
  table(std::string(handshake) +
        "while IFS='|' read -r t v time name operation service id key; do\n"
        "  held=\"lookup-result|$id|found|$key\n$held\"\n"
        "  [ $key = last ] && printf '%s' \"$held\"\ndone\n");
  std::deque<NotedEnquiry> enquiries;
  for (int i = 0; i < 200; ++i)
    enquiries.emplace_back(*core_, TableService::Alias, i == 199 ? "last" : std::to_string(i),
                           seconds(20));
  for (NotedEnquiry& enquiry : enquiries) table_->ask(enquiry);
  EXPECT_TRUE(
      test::run_until(*core_, [&] { return std::ranges::all_of(enquiries, &NotedEnquiry::back); }));
  for (const NotedEnquiry& enquiry : enquiries) EXPECT_EQ(enquiry.answer.text, enquiry.key);
  table_->settle();
}

TEST_F(ProgramTableTest, AProgramThatDiesIsStartedAgain) {
  table(std::string(handshake) + "read -r line; exit 1\n");
  for (int i = 0; i < 3; ++i) {
    conf::Answer answer{};
    // While it pauses it is said not to run; that is no end of its own.
    do {
      answer = ask(TableService::Alias, "alice");
      EXPECT_EQ(answer.state, AnswerState::TemporaryFailure);
    } while (answer.text == "the program is not running");
    EXPECT_EQ(answer.text, "the program has ended");
  }
  table_.reset();
  log_.reset();
  EXPECT_EQ(events("table.ended"), 3u);
}

TEST_F(ProgramTableTest, WhatIsNoProtocolEndsIt) {
  table("echo hello\nexec sleep 1000\n");
  EXPECT_EQ(ask(TableService::Alias, "alice").state, AnswerState::TemporaryFailure);
  EXPECT_TRUE(test::wait_for([&] {
    return test::read_text(folder_.file("log")).find("not \\\"hello") != std::string::npos;
  })) << test::read_text(folder_.file("log"));
}

TEST_F(ProgramTableTest, AnswersThatDoNotComeAreNotWaitedFor) {
  table(std::string(handshake) + "exec sleep 1000\n");
  const Instant began = test::monotonic_now();
  const conf::Answer answer = ask(TableService::Alias, "alice", milliseconds(200));
  EXPECT_EQ(answer.state, AnswerState::TemporaryFailure);
  EXPECT_NE(answer.text.find("in time"), std::string::npos);
  EXPECT_LT((test::monotonic_now() - began).seconds(), 5);
}

TEST_F(ProgramTableTest, NeitherIsAHandshake) {
  table("exec sleep 1000\n");
  const conf::Answer answer = ask(TableService::Alias, "alice", milliseconds(200));
  EXPECT_EQ(answer.state, AnswerState::TemporaryFailure);
}

TEST_F(ProgramTableTest, AProgramThatIsNotThere) {
  table_ = std::make_unique<ProgramTable>("people", folder_.file("nothing"), *log_);
  EXPECT_EQ(ask(TableService::Alias, "alice").text, "the program is not running");
  EXPECT_EQ(table_->update(), "the program is not running");
}

TEST_F(ProgramTableTest, Update) {
  ProgramTable& people = table(std::string(handshake) +
                               "while IFS='|' read -r t v time name operation id; do\n"
                               "  if [ -e " +
                               folder_.file("fine") +
                               " ]; then echo \"update-result|$id|ok\"\n"
                               "  else echo \"update-result|$id|error|no data\"; fi\ndone\n");
  ask(TableService::UserInfo, "x");  // until it runs
  EXPECT_EQ(people.update(), "no data");
  std::ofstream(folder_.file("fine")) << "x";
  EXPECT_EQ(people.update(), std::nullopt);
}

}  // namespace
}  // namespace ringpost::mta
