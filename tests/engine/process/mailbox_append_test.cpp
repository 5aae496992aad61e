// Mailboxes: their form, the locks that others hold, and that a message is in it whole or not.
#include "engine/process/mailbox_append.h"

#include <fstream>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <utime.h>

#include "tests/engine/process/executor_fixture.h"

namespace ringpost::process {
namespace {

namespace fs = std::filesystem;

constexpr const char* from_line = "From a@b.example Mon Nov 23 02:40:49 2026";

class MailboxAppendTest : public testing::Test {
 protected:
  AgentReply append(const std::string& text, bool whole = true, std::size_t piece = 50'000) {
    test::SentContent sent(text, whole, piece);
    return append_to_mailbox(path_, from_line, geteuid(), sent.content());
  }
  std::string content() const { return test::read_whole(path_); }

  test::TemporaryDirectory folder_;
  std::string path_ = folder_.file("alice");
};

TEST_F(MailboxAppendTest, OneMessageAfterTheOther) {
  EXPECT_EQ(append("Subject: 1\n\none\n"), (AgentReply{AgentStatus::Done, 0, path_, ""}));
  EXPECT_EQ(append("Subject: 2\n\nno end of line").status, AgentStatus::Done);
  EXPECT_EQ(append("").status, AgentStatus::Done);
  const std::string line = std::string(from_line) + "\n";
  EXPECT_EQ(content(), line + "Subject: 1\n\none\n\n" + line + "Subject: 2\n\nno end of line\n\n" +
                           line + "\n");
  EXPECT_FALSE(fs::exists(path_ + ".lock"));
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
}

// A process that died in the middle, or a program that is not as careful as we are, wrote it.
TEST_F(MailboxAppendTest, HalfAMessageOfSomebodyElseEndsBeforeTheNext) {
  const std::string line = std::string(from_line) + "\n";
  for (const auto& [there, end] :
       {std::pair("From a\n\nhalf a li", "\n\n"), std::pair("From a\n\none\n", "\n"),
        std::pair("x", "\n\n"), std::pair("From a\n\none\n\n", ""), std::pair("\n", "")}) {
    std::ofstream(path_, std::ios::trunc) << there;
    EXPECT_EQ(append("two\n").status, AgentStatus::Done);
    EXPECT_EQ(content(), std::string(there) + end + line + "two\n\n");
    // Nor does a failure take away what was there.
    EXPECT_EQ(append(std::string(200'000, 'x'), false).status, AgentStatus::Temporary);
    EXPECT_EQ(content(), std::string(there) + end + line + "two\n\n");
  }
}

// However the content was cut.
TEST_F(MailboxAppendTest, LinesThatLookLikeTheNextMessage) {
  const std::string text =
      "From me\nfrom you\nFromage\n From here\n>From there\nFFrom \nFro\nFrom \nFro";
  const std::string quoted = std::string(from_line) +
                             "\n>From me\nfrom you\nFromage\n From here\n>From there\n"
                             "FFrom \nFro\n>From \nFro\n\n";
  for (std::size_t piece = 1; piece < text.size(); ++piece) {
    fs::remove(path_);
    EXPECT_EQ(append(text, true, piece).status, AgentStatus::Done);
    EXPECT_EQ(content(), quoted) << piece;
  }
}

TEST_F(MailboxAppendTest, HalfAMessageIsTakenBack) {
  ASSERT_EQ(append("whole\n").status, AgentStatus::Done);
  const std::string before = content();
  const AgentReply reply = append(std::string(200'000, 'x'), false);
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_EQ(content(), before);
}

TEST_F(MailboxAppendTest, AFullFileSystemIsTakenBack) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 100'000;
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(append("whole\n").status, AgentStatus::Done);
  const std::string whole = content();
  setrlimit(RLIMIT_FSIZE, &small);
  const AgentReply reply = append(std::string(200'000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_EQ(reply.code, EFBIG);
  EXPECT_EQ(content(), whole);
}

// Waits for the one who holds it. A lock file as old as this is nobody's any more.
TEST_F(MailboxAppendTest, LocksOfOthersAreWaitedFor) {
  std::ofstream(path_ + ".lock") << "1\n";
  std::thread other([this] {
    usleep(300'000);
    fs::remove(path_ + ".lock");
  });
  const Instant began = test::monotonic_now();
  EXPECT_EQ(append("x\n").status, AgentStatus::Done);
  EXPECT_GE((test::monotonic_now() - began).milliseconds(), 250);
  other.join();

  std::ofstream(path_ + ".lock") << "1\n";
  const utimbuf old{1, 1};
  ASSERT_EQ(utime((path_ + ".lock").c_str(), &old), 0);
  EXPECT_EQ(append("y\n").status, AgentStatus::Done);
  EXPECT_FALSE(fs::exists(path_ + ".lock"));
}

TEST_F(MailboxAppendTest, BothKindsOfKernelLocksAreWaitedFor) {
  ASSERT_EQ(append("x\n").status, AgentStatus::Done);
  const int file = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  for (const bool by_flock : {true, false}) {
    struct flock whole{};
    whole.l_type = F_WRLCK;
    ASSERT_EQ(by_flock ? flock(file, LOCK_EX) : fcntl(file, F_OFD_SETLK, &whole), 0);
    std::thread other([&] {
      usleep(300'000);
      whole.l_type = F_UNLCK;
      EXPECT_EQ(by_flock ? flock(file, LOCK_UN) : fcntl(file, F_OFD_SETLK, &whole), 0);
    });
    const Instant began = test::monotonic_now();
    EXPECT_EQ(append("y\n").status, AgentStatus::Done);
    EXPECT_GE((test::monotonic_now() - began).milliseconds(), 250) << by_flock;
    other.join();
  }
  close(file);
}

// Each could be somebody else's file.
TEST_F(MailboxAppendTest, WhatIsNoMailbox) {
  std::ofstream(folder_.file("other")) << "other\n";
  fs::create_symlink(folder_.file("other"), path_);
  EXPECT_EQ(append("x\n").code, ELOOP);
  fs::remove(path_);
  fs::create_hard_link(folder_.file("other"), path_);
  EXPECT_EQ(append("x\n").code, EPERM);
  fs::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(append("x\n").code, ENXIO);
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(append("x\n").code, EISDIR);
  EXPECT_EQ(test::read_whole(folder_.file("other")), "other\n");
  test::SentContent sent("x\n");
  const std::string other = folder_.file("other");
  EXPECT_EQ(append_to_mailbox(other, from_line, geteuid() + 1, sent.content()).code, EPERM);
}

TEST_F(MailboxAppendTest, AFolderThatIsNotThere) {
  path_ = folder_.file("no/alice");
  EXPECT_EQ(append("x\n").code, ENOENT);
}

TEST_F(MailboxAppendTest, MadeForItsOwnerOnce) {
  const AgentUser user{.uid = geteuid() == 0 ? 20001 : geteuid(),
                       .gid = geteuid() == 0 ? 20002 : getegid(),
                       .name = "alice",
                       .mailbox = true};
  ASSERT_TRUE(make_mailbox(folder_.path(), user));
  ASSERT_TRUE(make_mailbox(folder_.path(), user));
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, user.uid);
  EXPECT_EQ(status.st_gid, user.gid);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
  EXPECT_FALSE(make_mailbox(folder_.file("no"), user));
}

TEST_F(MailboxAppendTest, TheGroupThatMayMakeLocks) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0775), 0);
  EXPECT_EQ(group_of_folder(folder_.path()), getegid());
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  EXPECT_EQ(group_of_folder(folder_.path()), 0u);
  EXPECT_EQ(group_of_folder(folder_.file("no")), 0u);
}

}  // namespace
}  // namespace ringpost::process
