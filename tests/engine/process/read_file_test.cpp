// .forward and included files: whose they must be, and who must not have been able to write them.
#include "engine/process/read_file.h"

#include <fstream>

#include <sys/stat.h>

#include "tests/engine/process/executor_fixture.h"

namespace ringpost::process {
namespace {

namespace fs = std::filesystem;

class ReadFileTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(home_); }
  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path_) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  AgentReply forward(uid_t user = geteuid()) const { return read_forward({home_}, user); }
  // Anybody but root, who may have no links.
  static uid_t somebody() { return geteuid() == 0 ? 20002 : geteuid(); }
  void expect_refused(const AgentReply& reply, std::string_view what) const {
    EXPECT_EQ(reply.status, AgentStatus::Permanent);
    EXPECT_TRUE(reply.text.contains(what)) << reply.text;
    EXPECT_EQ(reply.file, "");
  }

  test::TemporaryDirectory folder_;
  std::string home_ = folder_.file("home/alice");
  std::string path_ = home_ + "/.forward";
};

TEST_F(ReadFileTest, AForwardOfItsOwner) {
  write("bob@example.test\n", 0644);
  EXPECT_EQ(forward(), (AgentReply{AgentStatus::Done, 0, "", "bob@example.test\n"}));
  write("");
  EXPECT_EQ(forward(), (AgentReply{AgentStatus::Done, 0, "", ""}));
}

TEST_F(ReadFileTest, NoForwardNoHome) {
  EXPECT_EQ(forward().status, AgentStatus::Absent);
  fs::remove(home_);
  EXPECT_EQ(forward().status, AgentStatus::Absent);
  std::ofstream(home_) << "a file";
  EXPECT_EQ(forward().status, AgentStatus::Absent);
}

TEST_F(ReadFileTest, OthersMayWriteIt) {
  for (const mode_t mode : {0620u, 0602u, 0666u}) {
    write("x", mode);
    expect_refused(forward(), "may be written by others");
  }
}

TEST_F(ReadFileTest, OthersMayWriteTheHome) {
  write("x");
  for (const mode_t mode : {0720u, 0702u}) {
    ASSERT_EQ(chmod(home_.c_str(), mode), 0);
    expect_refused(forward(), "alice may be written by others");
  }
}

TEST_F(ReadFileTest, SomebodyElseOwnsIt) {
  write("x");
  if (geteuid() == 0) {
    ASSERT_EQ(chown(path_.c_str(), 20001, 20001), 0);
    expect_refused(forward(20002), "belongs to another user");
    ASSERT_EQ(chown(path_.c_str(), 20002, 20002), 0);
    ASSERT_EQ(chown(home_.c_str(), 20001, 20001), 0);
    expect_refused(forward(20002), "belongs to another user");
    // Root may put one into a user's home.
    ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
    ASSERT_EQ(chown(home_.c_str(), 20002, 20002), 0);
    EXPECT_EQ(forward(20002).status, AgentStatus::Done);
  } else {
    expect_refused(forward(geteuid() + 1), "belongs to another user");
  }
}

TEST_F(ReadFileTest, AStickyHomeIsBeingChanged) {
  write("x");
  ASSERT_EQ(chmod(home_.c_str(), 01700), 0);
  const AgentReply reply = forward();
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_TRUE(reply.text.contains("sticky")) << reply.text;
}

// A link is followed to where its target, and every folder on the way, is safe too.
TEST_F(ReadFileTest, LinksAreJudgedByWhereTheyLead) {
  fs::create_directories(home_ + "/dotfiles");
  std::ofstream(home_ + "/dotfiles/forward") << "bob";
  fs::create_symlink("dotfiles/forward", path_);
  EXPECT_EQ(forward(somebody()).file, "bob");
  ASSERT_EQ(chmod((home_ + "/dotfiles").c_str(), 0770), 0);
  expect_refused(forward(somebody()), "dotfiles may be written by others");
  fs::remove(path_);
  fs::create_symlink("/no/such/file", path_);
  EXPECT_EQ(forward(somebody()).status, AgentStatus::Absent);
  fs::remove(path_);
  fs::create_symlink(".forward", path_);
  EXPECT_EQ(forward(somebody()).code, ELOOP);
}

// Who may write the home may make a link to some file that its owner or root has written.
TEST_F(ReadFileTest, ALinkOutOfAHomeThatOthersMayWrite) {
  fs::create_symlink("/etc/passwd", path_);
  ASSERT_EQ(chmod(home_.c_str(), 0770), 0);
  expect_refused(forward(somebody()), "alice may be written by others");
  if (geteuid() != 0) return;
  ASSERT_EQ(chmod(home_.c_str(), 0700), 0);
  ASSERT_EQ(chown(home_.c_str(), 20001, 20001), 0);
  expect_refused(forward(somebody()), "belongs to another user");
}

// What reads for root reads nothing for others: no file of root's but one that is called .forward.
TEST_F(ReadFileTest, RootsIsNoLink) {
  if (geteuid() != 0) GTEST_SKIP() << "only root reads what only root may read";
  std::ofstream(folder_.file("secret")) << "secret\n";
  ASSERT_EQ(chmod(folder_.file("secret").c_str(), 0600), 0);
  fs::create_symlink(folder_.file("secret"), path_);
  EXPECT_EQ(forward().file, "");
  EXPECT_EQ(forward().code, ELOOP);
  ASSERT_EQ(chown(home_.c_str(), 20001, 20001), 0);
  EXPECT_EQ(forward().file, "");
}

TEST_F(ReadFileTest, WhatIsNoFile) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  expect_refused(forward(), "is not a file");
  fs::remove(path_);
  fs::create_directory(path_);
  expect_refused(forward(), "is not a file");
}

TEST_F(ReadFileTest, TooLarge) {
  write(std::string(file_octets_max, 'x'));
  EXPECT_EQ(forward().status, AgentStatus::Done);
  write(std::string(file_octets_max + 1, 'x'));
  expect_refused(forward(), "too large");
}

TEST_F(ReadFileTest, IncludedFiles) {
  write("a, b\n");
  EXPECT_EQ(read_included({path_}, geteuid()).file, "a, b\n");
  EXPECT_EQ(read_included({path_ + ".no"}, geteuid()).status, AgentStatus::Absent);
  write("x", 0622);
  expect_refused(read_included({path_}, geteuid()), "may be written by others");
}

}  // namespace
}  // namespace ringpost::process
