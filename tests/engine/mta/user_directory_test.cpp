// The system's users, asked through the thread that may block.
#include "engine/mta/user_directory.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>
#include <pwd.h>

#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

struct Asked : UserQuestion {
  Asked(ring::Core& asker, std::string user)
      : UserQuestion(&Asked::answered, asker, std::move(user)) {}
  static void answered(ring::Message& message) { ++static_cast<Asked&>(message).answers; }
  unsigned answers = 0;
};

class UserDirectoryTest : public testing::Test {
 protected:
  UserDirectory::Answer ask(UserDirectory& users, const std::string& name) {
    Asked question(*core_, name);
    users.ask(question);
    EXPECT_TRUE(test::run_until(*core_, [&] { return question.answers == 1; }));
    return users.find(name, core_->now());
  }
  std::unique_ptr<ring::Core> core_ = test::make_core();
};

TEST_F(UserDirectoryTest, AUserOfTheSystem) {
  const passwd* self = getpwuid(geteuid());
  ASSERT_NE(self, nullptr);
  const std::string name = self->pw_name;
  const std::string home = self->pw_dir;
  UserDirectory users;
  EXPECT_EQ(users.find(name, core_->now()).state, conf::AnswerState::Later);
  const UserDirectory::Answer answer = ask(users, name);
  EXPECT_EQ(answer.state, conf::AnswerState::Found);
  EXPECT_EQ(answer.user.username, name);
  EXPECT_EQ(answer.user.uid, geteuid());
  EXPECT_EQ(answer.user.directory, home);
}

TEST_F(UserDirectoryTest, Unknown) {
  UserDirectory users;
  EXPECT_EQ(ask(users, "no-such-user-here").state, conf::AnswerState::NotFound);
  EXPECT_EQ(ask(users, "").state, conf::AnswerState::NotFound);
}

// Found is believed for a minute, unknown for less, so that a new user need not wait long.
TEST_F(UserDirectoryTest, AnswersAge) {
  const std::string name = getpwuid(geteuid())->pw_name;
  UserDirectory users;
  ask(users, name);
  ask(users, "no-such-user-here");
  const Instant now = test::monotonic_now();
  EXPECT_EQ(users.find(name, now + seconds(50)).state, conf::AnswerState::Found);
  EXPECT_EQ(users.find(name, now + seconds(61)).state, conf::AnswerState::Later);
  EXPECT_EQ(users.find("no-such-user-here", now + seconds(5)).state, conf::AnswerState::NotFound);
  EXPECT_EQ(users.find("no-such-user-here", now + seconds(11)).state, conf::AnswerState::Later);
}

TEST_F(UserDirectoryTest, ManyQuestionsAreEachAnsweredOnce) {
  UserDirectory users;
  std::deque<Asked> questions;
  for (int i = 0; i < 500; ++i)
    users.ask(questions.emplace_back(*core_, "nobody-" + std::to_string(i % 7)));
  ASSERT_TRUE(test::run_until(*core_, [&] {
    return std::ranges::all_of(questions, [](const Asked& asked) { return asked.answers == 1; });
  }));
}

TEST_F(UserDirectoryTest, WhatWaitsIsAnsweredBeforeTheEnd) {
  std::deque<Asked> questions;
  {
    UserDirectory users;
    for (int i = 0; i < 50; ++i) users.ask(questions.emplace_back(*core_, "x" + std::to_string(i)));
  }
  ASSERT_TRUE(test::run_until(*core_, [&] {
    return std::ranges::all_of(questions, [](const Asked& asked) { return asked.answers == 1; });
  }));
}

}  // namespace
}  // namespace ringpost::mta
