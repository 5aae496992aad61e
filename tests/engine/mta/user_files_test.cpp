// Files of users as far as the engine sees them itself; what their processes read is shown in
// tests/engine/process and by the end-to-end tests.
#include "engine/mta/user_files.h"

#include <gtest/gtest.h>

#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

class UserFilesTest : public testing::Test {
 protected:
  conf::ForwardQuestion of_home(const std::string& home) {
    conf::ForwardQuestion question;
    question.user = {"alice", 1, 1, home};
    return question;
  }
  conf::Answer read(conf::Question question) {
    if (const auto* forward = std::get_if<conf::ForwardQuestion>(&question))
      return *test::result_of(*rig_.core, files_.read(*forward));
    return *test::result_of(*rig_.core, files_.read(std::get<conf::IncludeQuestion>(question)));
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  UserFiles files_{rig_.parts};
};

TEST_F(UserFilesTest, WhatIsNotThereIsRememberedForAWhile) {
  const conf::ForwardQuestion question = of_home(folder_.path());
  EXPECT_EQ(files_.known(question).state, conf::AnswerState::Later);
  EXPECT_EQ(read(question).state, conf::AnswerState::NotFound);
  EXPECT_EQ(files_.known(question).state, conf::AnswerState::NotFound);
  EXPECT_EQ(files_.known(of_home("/elsewhere")).state, conf::AnswerState::Later);
}

TEST_F(UserFilesTest, AUserWithoutAHomeHasNone) {
  EXPECT_EQ(files_.known(of_home("")).state, conf::AnswerState::NotFound);
  EXPECT_EQ(files_.known(of_home("relative")).state, conf::AnswerState::NotFound);
  EXPECT_EQ(read(of_home(folder_.file("nowhere"))).state, conf::AnswerState::NotFound);
  std::ofstream(folder_.file("file")) << "x";
  EXPECT_EQ(read(of_home(folder_.file("file"))).state, conf::AnswerState::NotFound);
}

TEST_F(UserFilesTest, WithoutAProcessToReadItItFailsForNow) {
  std::ofstream(folder_.file(".forward")) << "bob\n";
  const conf::Answer answer = read(of_home(folder_.path()));
  EXPECT_EQ(answer.state, conf::AnswerState::TemporaryFailure);
  EXPECT_FALSE(answer.text.empty());
  conf::IncludeQuestion list;
  list.path = folder_.file("list");
  EXPECT_EQ(read(list).state, conf::AnswerState::NotFound);
  std::ofstream(list.path) << "bob\n";
  EXPECT_EQ(read(list).state, conf::AnswerState::TemporaryFailure);
}

}  // namespace
}  // namespace ringpost::mta
