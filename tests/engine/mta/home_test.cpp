// Folders, paths and locks.
#include "engine/mta/home.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;

TEST(HomeTest, EverythingLiesBelowTheFolder) {
  for (const char* folder : {"/srv/mail", "/srv/mail/", "/srv/mail//"}) {
    const Home home = Home::below(folder);
    EXPECT_EQ(home.config_file, "/srv/mail/smtpd.conf");
    EXPECT_EQ(home.spool, "/srv/mail/spool");
    EXPECT_EQ(home.control_socket(), "/srv/mail/run/control.sock");
    EXPECT_EQ(home.smtp_socket(), "/srv/mail/run/smtp.sock");
    EXPECT_EQ(home.offline_folder(), "/srv/mail/spool/offline");
    EXPECT_EQ(home.lock_file(), "/srv/mail/run/ringpostd.lock");
    EXPECT_EQ(home.log, "/srv/mail/ringpostd.log");
  }
}

TEST(HomeTest, TheStandardPathsAreAbsolute) {
  const Home home = Home::standard();
  for (const std::string& path : {home.config_file, home.spool, home.run, home.log})
    EXPECT_TRUE(path.starts_with('/')) << path;
}

TEST(HomeTest, LetsOthersThroughAFolderButNotList) {
  const test::TemporaryDirectory folder;
  const std::string path = folder.file("run");
  ASSERT_TRUE(make_folders(path));
  ASSERT_TRUE(let_others_through(path));
  ASSERT_TRUE(let_others_through(path));
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0711u);
  EXPECT_EQ(let_others_through(path + "/none").error().code, ENOENT);
}

TEST(HomeTest, MakesFoldersForTheOwnerOnly) {
  const test::TemporaryDirectory folder;
  const std::string path = folder.file("a/b/c");
  ASSERT_TRUE(make_folders(path));
  ASSERT_TRUE(make_folders(path));
  for (const char* part : {"a", "a/b", "a/b/c"}) {
    struct stat status{};
    ASSERT_EQ(stat(folder.file(part).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777u, 0700u);
  }
}

TEST(HomeTest, AFileInTheWayIsAFault) {
  const test::TemporaryDirectory folder;
  std::ofstream(folder.file("a")) << "x";
  const auto made = make_folders(folder.file("a/b"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ENOTDIR);
  EXPECT_EQ(made.error().path, folder.file("a/b"));
  EXPECT_FALSE(make_folders(""));
}

TEST(FileLockTest, OneHolderAtATime) {
  const test::TemporaryDirectory folder;
  {
    const auto lock = FileLock::take(folder.file("lock"));
    ASSERT_TRUE(lock);
    const auto second = FileLock::take(folder.file("lock"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EWOULDBLOCK);
    EXPECT_EQ(second.error().operation, "lock");
  }
  EXPECT_TRUE(FileLock::take(folder.file("lock")));
}

TEST(FileLockTest, TheLockMovesWithItsOwner) {
  const test::TemporaryDirectory folder;
  FileLock kept;
  {
    auto lock = FileLock::take(folder.file("lock"));
    ASSERT_TRUE(lock);
    kept = std::move(*lock);
  }
  EXPECT_FALSE(FileLock::take(folder.file("lock")));
  kept = FileLock();
  EXPECT_TRUE(FileLock::take(folder.file("lock")));
}

TEST(FileLockTest, ALinkIsNotFollowed) {
  const test::TemporaryDirectory folder;
  fs::create_symlink(folder.file("elsewhere"), folder.file("lock"));
  const auto lock = FileLock::take(folder.file("lock"));
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, ELOOP);
  EXPECT_FALSE(fs::exists(folder.file("elsewhere")));
}

}  // namespace
}  // namespace ringpost::mta
