// Files that are looked at: one change is told once, when it is over, and only of what is watched.
#include "engine/process/watched_files.h"

#include <fstream>

#include "tests/engine/support.h"

namespace ringpost::process {
namespace {

class WatchedFilesTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.file(name)) << text;
  }
  // How many of the next looks tell a change.
  int told(int looks = 4) {
    int count = 0;
    for (int i = 0; i < looks; ++i) {
      now_ = watched_.deadline();
      if (watched_.look(now_)) ++count;
    }
    return count;
  }
  test::TemporaryDirectory folder_;
  WatchedFiles watched_;
  Instant now_{1'000'000'000};
};

TEST_F(WatchedFilesTest, NothingToLookAt) { EXPECT_EQ(watched_.deadline(), never); }

TEST_F(WatchedFilesTest, AChangeIsToldOnceAndWhenItIsOver) {
  write("cert", "a");
  watched_.watch(folder_.file("cert"), now_);
  watched_.watch(folder_.file("key"), now_);  // which is not there yet
  EXPECT_EQ(told(), 0);
  write("cert", "other");
  EXPECT_EQ(told(1), 0);
  write("key", "later");
  EXPECT_EQ(told(1), 0);
  EXPECT_EQ(told(), 1);
  EXPECT_EQ(told(), 0);
}

// As certbot does it.
TEST_F(WatchedFilesTest, ALinkThatLeadsElsewhere) {
  write("one", "x");
  write("two", "x");
  std::filesystem::create_symlink("one", folder_.file("live"));
  watched_.watch(folder_.file("live"), now_);
  std::filesystem::create_symlink("two", folder_.file("new"));
  std::filesystem::rename(folder_.file("new"), folder_.file("live"));
  EXPECT_EQ(told(), 1);
}

TEST_F(WatchedFilesTest, AFileThatIsGoneHasNotChanged) {
  write("cert", "a");
  watched_.watch(folder_.file("cert"), now_);
  std::filesystem::remove(folder_.file("cert"));
  EXPECT_EQ(told(), 0);
}

TEST_F(WatchedFilesTest, WhatIsForgottenIsNotLookedAt) {
  write("cert", "a");
  watched_.watch(folder_.file("cert"), now_);
  watched_.watch(folder_.file("other"), now_ + seconds(2));
  watched_.forget(now_ + seconds(1));
  write("cert", "changed");
  EXPECT_EQ(told(), 0);
  watched_.forget(now_ + seconds(100));
  EXPECT_EQ(watched_.deadline(), never);
}

}  // namespace
}  // namespace ringpost::process
