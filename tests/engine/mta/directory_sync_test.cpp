// Shared directory syncs: who waits is served by an fsync that began later, also by a failed one.
#include "engine/mta/directory_sync.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

using Result = std::expected<void, Fault>;

class DirectorySyncTest : public testing::Test {
 protected:
  ring::Task<void> wait(std::string path, int file) {
    Result result = co_await syncs_.sync(std::move(path), file);
    results_.push_back(std::move(result));
  }
  void ask(const std::string& path, int file) { ring::Task<void>::spawn(scope_, wait(path, file)); }
  bool run() {
    return test::run_until(*core_, [this] { return scope_.idle(); });
  }

  // A descriptor of `path` by which nothing can be synced.
  static int unsyncable(const std::string& path) {
    return open(path.c_str(), O_PATH | O_DIRECTORY);
  }

  test::TemporaryDirectory folder_;
  std::unique_ptr<ring::Core> core_ = test::make_core();
  std::vector<Result> results_;
  DirectorySync syncs_{*core_};
  ring::Scope scope_;
};

TEST_F(DirectorySyncTest, ManyWaitersAreAllServed) {
  const int file = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 100; ++i) ask(folder_.path(), file);
  EXPECT_TRUE(results_.empty());
  ASSERT_TRUE(run());
  ASSERT_EQ(results_.size(), 100u);
  for (const Result& result : results_) EXPECT_TRUE(result);
  close(file);
}

// The first is synced alone; the others came during that sync and share the second one, which is
// made with the descriptor of the first of them. So one bad descriptor there shows who shares.
TEST_F(DirectorySyncTest, TheNextSyncServesAllThatCameMeanwhile) {
  const int file = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);
  const int bad = unsyncable(folder_.path());
  ask(folder_.path(), file);
  ask(folder_.path(), bad);
  for (int i = 0; i < 9; ++i) ask(folder_.path(), file);
  ASSERT_TRUE(run());
  ASSERT_EQ(results_.size(), 11u);
  EXPECT_TRUE(results_[0]);
  for (std::size_t i = 1; i < results_.size(); ++i) {
    ASSERT_FALSE(results_[i]) << i;
    EXPECT_EQ(results_[i].error().code, EBADF);
    EXPECT_EQ(results_[i].error().operation, "fsync");
    EXPECT_EQ(results_[i].error().path, folder_.path());
  }
  close(bad);
  close(file);
}

// One directory by two names shares its syncs; two directories by one name, the second of which
// took the place of the first, do not.
TEST_F(DirectorySyncTest, TheDirectoryCountsAndNotItsName) {
  const std::string other = folder_.file("other");
  std::filesystem::create_directory(other);
  const int file = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);
  const int bad = unsyncable(folder_.path());
  const int other_file = open(other.c_str(), O_RDONLY | O_DIRECTORY);
  ask("a", file);
  ask("a", bad);
  ask("b", file);
  ask("a", other_file);
  ASSERT_TRUE(run());
  ASSERT_EQ(results_.size(), 4u);
  EXPECT_EQ(std::ranges::count_if(results_, [](const Result& r) { return r.has_value(); }), 2);
  for (const Result& result : results_)
    if (!result) EXPECT_EQ(result.error().operation, "fsync");
  close(other_file);
  close(bad);
  close(file);
}

TEST_F(DirectorySyncTest, AClosedDescriptorIsAFault) {
  ask(folder_.path(), -1);
  ASSERT_TRUE(run());
  ASSERT_EQ(results_.size(), 1u);
  ASSERT_FALSE(results_[0]);
  EXPECT_EQ(results_[0].error().code, EBADF);
}

TEST_F(DirectorySyncTest, AFailureIsNotKept) {
  const int bad = unsyncable(folder_.path());
  ask(folder_.path(), bad);
  ASSERT_TRUE(run());
  close(bad);
  const int file = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);
  ask(folder_.path(), file);
  ASSERT_TRUE(run());
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_FALSE(results_[0]);
  EXPECT_TRUE(results_[1]);
  close(file);
}

TEST_F(DirectorySyncTest, DirectoriesDoNotMixTheirResults) {
  const int file = open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY);
  std::filesystem::create_directory(folder_.file("a"));
  const int bad = unsyncable(folder_.file("a"));
  ask("a", bad);
  ask("b", file);
  ASSERT_TRUE(run());
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_NE(results_[0].has_value(), results_[1].has_value());
  close(bad);
  close(file);
}

}  // namespace
}  // namespace ringpost::mta
