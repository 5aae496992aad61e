// Shared directory syncs: who waits is served by an fsync that began later, also by a failed one.
#include "engine/mta/directory_sync.h"

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
  ask(folder_.path(), file);
  ask(folder_.path(), -1);
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
  close(file);
}

TEST_F(DirectorySyncTest, AFailureIsNotKept) {
  ask(folder_.path(), -1);
  ASSERT_TRUE(run());
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
  ask("a", -1);
  ask("b", file);
  ASSERT_TRUE(run());
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_NE(results_[0].has_value(), results_[1].has_value());
  close(file);
}

}  // namespace
}  // namespace ringpost::mta
