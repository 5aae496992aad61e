// Deliveries into real Maildirs, and what is left after every kind of failure: nothing.
#include "engine/mta/maildir_writer.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;
using Result = std::expected<void, Fault>;

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

unsigned mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

class MaildirWriterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.start()); }
  std::vector<store::Extent> durable(std::string_view content) {
    return rig_.accept(content).envelope.extents;
  }
  MaildirOrder order(const std::string& name = "1.R1.host") const {
    return {.folder = maildir_, .file_name = name, .fields = "Return-Path: <a@b.example>\r\n"};
  }
  Result deliver(const MaildirOrder& order, const std::vector<store::Extent>& extents) {
    auto memory = disk::AlignedMemory::map(ReadBuffers::bytes);
    ContentReader content(rig_.core->ring(), *rig_.segments, memory->bytes(), extents);
    return *test::result_of(*rig_.core, writer_.deliver(order, content));
  }
  ring::Task<void> count_delivery(unsigned number, const std::vector<store::Extent>& extents,
                                  unsigned& delivered) {
    const MaildirOrder mine = order(std::to_string(number));
    auto memory = disk::AlignedMemory::map(4096);
    ContentReader content(rig_.core->ring(), *rig_.segments, memory->bytes(), extents);
    const Result done = co_await writer_.deliver(mine, content);
    EXPECT_TRUE(done) << to_text(done.error());
    delivered += done ? 1 : 0;
  }
  // Neither in new nor in tmp.
  void expect_nothing() const {
    for (const char* name : {"/new", "/tmp"})
      if (fs::is_directory(maildir_ + name)) EXPECT_TRUE(files_in(maildir_ + name).empty());
  }

  test::TemporaryDirectory folder_;
  std::string maildir_ = folder_.file("home/alice/Maildir");
  test::SpoolRig rig_{folder_.path()};
  DirectorySync syncs_{*rig_.core};
  MaildirWriter writer_{*rig_.core, syncs_};
};

TEST_F(MaildirWriterTest, MakesTheMaildirAndWritesLfLines) {
  const Result done = deliver(order(), durable("Subject: x\r\n\r\nbody\rwith CR\r\n"));
  ASSERT_TRUE(done) << to_text(done.error());
  EXPECT_EQ(test::read_text(maildir_ + "/new/1.R1.host"),
            "Return-Path: <a@b.example>\nSubject: x\n\nbody\rwith CR\n");
  EXPECT_TRUE(files_in(maildir_ + "/tmp").empty());
  for (const char* name : {"", "/tmp", "/new", "/cur"}) EXPECT_EQ(mode_of(maildir_ + name), 0700u);
  EXPECT_EQ(mode_of(maildir_ + "/new/1.R1.host"), 0600u);
}

TEST_F(MaildirWriterTest, LargeContentIsExact) {
  std::string content;
  for (unsigned i = 0; content.size() < (3u << 20); ++i)
    content += "line " + std::to_string(i) + std::string(i % 97, 'x') + "\r\n";
  ASSERT_TRUE(deliver(order(), durable(content)));
  std::string wanted = "Return-Path: <a@b.example>\n";
  for (const char c : content)
    if (c != '\r') wanted += c;
  EXPECT_TRUE(test::read_text(maildir_ + "/new/1.R1.host") == wanted);
}

TEST_F(MaildirWriterTest, TheSameNameReplacesItself) {
  ASSERT_TRUE(deliver(order(), durable("first, and the longer one\r\n")));
  ASSERT_TRUE(deliver(order(), durable("second\r\n")));
  EXPECT_EQ(files_in(maildir_ + "/new").size(), 1u);
  EXPECT_EQ(test::read_text(maildir_ + "/new/1.R1.host"), "Return-Path: <a@b.example>\nsecond\n");
}

TEST_F(MaildirWriterTest, WhatACrashLeftInTmpIsOverwritten) {
  fs::create_directories(maildir_ + "/tmp");
  fs::create_directories(maildir_ + "/new");
  std::ofstream(maildir_ + "/tmp/1.R1.host") << std::string(10'000, 'z');
  ASSERT_TRUE(deliver(order(), durable("x\r\n")));
  EXPECT_EQ(test::read_text(maildir_ + "/new/1.R1.host"), "Return-Path: <a@b.example>\nx\n");
  EXPECT_TRUE(files_in(maildir_ + "/tmp").empty());
}

// A crash while the folders were made: the rest is made good.
TEST_F(MaildirWriterTest, HalfMadeMaildirs) {
  for (const char* present : {"", "/cur", "/new", "/tmp"}) {
    fs::remove_all(maildir_);
    fs::create_directories(maildir_ + present);
    const Result done = deliver(order(), durable("x\r\n"));
    EXPECT_TRUE(done) << present;
    EXPECT_EQ(files_in(maildir_), (std::vector<std::string>{"cur", "new", "tmp"})) << present;
  }
}

// Its folders can be made there but not be synced: nothing is delivered, however often it is tried.
TEST_F(MaildirWriterTest, AMaildirThatIsNotDurableIsNotUsed) {
  constexpr uid_t somebody = 65'534;
  const bool is_root = geteuid() == 0;
  fs::create_directories(maildir_);
  for (const std::string& path : {folder_.path(), folder_.file("home"), folder_.file("home/alice")})
    chmod(path.c_str(), 0711);
  ASSERT_EQ(chmod(maildir_.c_str(), 0300), 0);
  if (is_root) ASSERT_EQ(chown(maildir_.c_str(), somebody, somebody), 0);
  const auto extents = durable("x\r\n");
  // Of this thread, with which the ring's requests are made.
  if (is_root) setfsuid(somebody);
  for (int i = 0; i < 5; ++i) {
    const Result done = deliver(order(), extents);
    ASSERT_FALSE(done) << i;
    EXPECT_EQ(done.error().code, EACCES);
  }
  ASSERT_EQ(chmod(maildir_.c_str(), 0700), 0);
  const Result done = deliver(order(), extents);
  setfsuid(geteuid());
  EXPECT_TRUE(done) << to_text(done.error());
}

TEST_F(MaildirWriterTest, AFileInPlaceOfTheFolder) {
  fs::create_directories(folder_.file("home/alice"));
  std::ofstream(maildir_) << "not a folder";
  const Result done = deliver(order(), durable("x\r\n"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ENOTDIR);
  EXPECT_EQ(test::read_text(maildir_), "not a folder");
}

TEST_F(MaildirWriterTest, ALinkInPlaceOfNewIsNotFollowed) {
  fs::create_directories(maildir_ + "/tmp");
  fs::create_directories(folder_.file("elsewhere"));
  fs::create_directory_symlink(folder_.file("elsewhere"), maildir_ + "/new");
  const Result done = deliver(order(), durable("x\r\n"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ENOTDIR);
  EXPECT_TRUE(files_in(maildir_ + "/tmp").empty());
  EXPECT_TRUE(files_in(folder_.file("elsewhere")).empty());
}

TEST_F(MaildirWriterTest, AFolderThatMayNotBeWritten) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::create_directories(maildir_ + "/tmp");
  chmod((maildir_ + "/tmp").c_str(), 0500);
  const Result done = deliver(order(), durable("x\r\n"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, EACCES);
  chmod((maildir_ + "/tmp").c_str(), 0700);
  expect_nothing();
}

TEST_F(MaildirWriterTest, AFolderThatCannotBeMade) {
  MaildirOrder impossible = order();
  impossible.folder = "/proc/self/no/Maildir";
  const Result done = deliver(impossible, durable("x\r\n"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().operation, "mkdir");
}

TEST_F(MaildirWriterTest, DamagedContentLeavesNothing) {
  auto extents = durable(test::pattern(600'000));
  extents.back().crc ^= 1;
  const Result done = deliver(order(), extents);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, EBADMSG);
  expect_nothing();
  EXPECT_TRUE(fs::is_directory(maildir_ + "/new"));
}

TEST_F(MaildirWriterTest, AFullFileSystemLeavesNothing) {
  fs::create_directories(maildir_);
  if (mount("tmpfs", maildir_.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "cannot mount a small file system: " << std::strerror(errno);
  const Result done = deliver(order(), durable(test::pattern(300'000)));
  expect_nothing();
  const Result small = deliver(order(), durable("small\r\n"));
  EXPECT_EQ(umount(maildir_.c_str()), 0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ENOSPC);
  EXPECT_TRUE(small);
}

TEST_F(MaildirWriterTest, ManyDeliveriesAtOnceIntoANewMaildir) {
  const auto extents = durable("x\r\n");
  ring::Scope scope;
  unsigned delivered = 0;
  for (unsigned i = 0; i < 50; ++i)
    ring::Task<void>::spawn(scope, count_delivery(i, extents, delivered));
  ASSERT_TRUE(rig_.run([&] { return scope.idle(); }));
  EXPECT_EQ(delivered, 50u);
  EXPECT_EQ(files_in(maildir_ + "/new").size(), 50u);
  EXPECT_TRUE(files_in(maildir_ + "/tmp").empty());
}

}  // namespace
}  // namespace ringpost::mta
