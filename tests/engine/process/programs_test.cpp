// Programs that a real parent runs for an engine: as whom, with what, and until when.
#include "engine/process/programs.h"

#include <cerrno>

#include "tests/engine/process/parent_fixture.h"

namespace ringpost::process {
namespace {

constexpr const char* scripts[] = {"true",
                                   "echo $(id -u) $(grep -c 'NoNewPrivs:.1' /proc/self/status)",
                                   "sleep 100 & echo started; sleep 100"};
enum : std::size_t { Nothing, WhoAmI, Sleep };

Permissions permitted(const std::string& user) {
  Permissions permissions;
  for (const char* const script : scripts)
    permissions.programs.insert({.name = "sh", .words = {"/bin/sh", "-c", script}, .user = user});
  return permissions;
}

class ProgramsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe2(ends_, O_CLOEXEC), 0); }
  ~ProgramsTest() override {
    for (const int end : ends_)
      if (end >= 0) close(end);
  }
  std::expected<pid_t, Fault> start(test::ParentProcess& parent, std::size_t script) const {
    return parent.link->start_program({"/bin/sh", "-c", scripts[script]}, "sh", 0, ends_[1]);
  }
  std::string output() {
    char room[256];
    const ssize_t got = read(ends_[0], room, sizeof room);
    return {room, got > 0 ? static_cast<std::size_t>(got) : 0};
  }
  void close_input() { close(std::exchange(ends_[1], -1)); }

  test::ParentProcess parent_{permitted("nobody")};
  int ends_[2]{-1, -1};
};

TEST_F(ProgramsTest, RunAsTheUserThatThePermissionNames) {
  ASSERT_TRUE(start(parent_, WhoAmI));
  EXPECT_EQ(output(), geteuid() == 0 ? "65534 1\n" : std::to_string(geteuid()) + " 1\n");
}

TEST_F(ProgramsTest, NeverRunAsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root could";
  for (const std::string user : {"root", "no-such-user", ""}) {
    test::ParentProcess parent(permitted(user));
    ASSERT_TRUE(start(parent, WhoAmI));  // the process is made, and ends without a word
    ASSERT_TRUE(start(parent_, WhoAmI));
    EXPECT_EQ(output(), "65534 1\n");
  }
}

TEST_F(ProgramsTest, EndWithAllTheyMade) {
  const auto pid = start(parent_, Sleep);
  ASSERT_TRUE(pid);
  EXPECT_EQ(output(), "started\n");
  close_input();
  parent_.link->end_program(*pid);
  EXPECT_EQ(output(), "");  // nobody has the other end any more
}

TEST_F(ProgramsTest, OthersAreNotEnded) {
  parent_.link->end_program(1);
  parent_.link->end_program(getpid());
  parent_.link->end_program(-1);
  EXPECT_TRUE(start(parent_, Nothing));
}

TEST_F(ProgramsTest, WhatCannotBeAsked) {
  const auto long_word =
      parent_.link->start_program({"/bin/sh", std::string(100'000, 'x')}, "sh", 0, ends_[1]);
  ASSERT_FALSE(long_word);
  EXPECT_EQ(long_word.error().code, E2BIG);
}

}  // namespace
}  // namespace ringpost::process
