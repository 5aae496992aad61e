// Compiled patterns on disk: found again, and only what is whole and ours.
#include "engine/mta/pattern_cache.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "scan/pattern/matcher.h"
#include "scan/pattern/posix.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;

class PatternCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fmt::format("{}pattern_cache.{}", testing::TempDir(), getpid());
    fs::remove_all(folder_);
    for (std::size_t i = 0; i < PatternCache::patterns_min; ++i)
      texts_.push_back(fmt::format("^host{}\\.", i));
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string_view> patterns() const { return {texts_.begin(), texts_.end()}; }
  scan::Database compiled() const { return std::move(*scan::compile_posix(patterns())); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    if (fs::exists(folder_))
      for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
    return found;
  }

  std::string folder_;
  std::vector<std::string> texts_;
};

TEST_F(PatternCacheTest, FindsWhatItKept) {
  const PatternCache cache(folder_);
  EXPECT_FALSE(cache.find(patterns()));
  cache.keep(patterns(), compiled());
  const auto found = cache.find(patterns());
  ASSERT_TRUE(found);
  scan::Matcher matcher(*found);
  EXPECT_TRUE(matcher.matches_any(bytes_of(std::string_view("host7.example"))));
  EXPECT_FALSE(matcher.matches_any(bytes_of(std::string_view("mx.example"))));
  ASSERT_EQ(files().size(), 1u);
  EXPECT_EQ(fs::status(files()[0]).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(PatternCacheTest, OtherPatternsAreOthers) {
  const PatternCache cache(folder_);
  cache.keep(patterns(), compiled());
  texts_[3] += "x";
  EXPECT_FALSE(cache.find(patterns()));
  texts_[3].pop_back();
  texts_[3].pop_back();
  texts_[4].insert(0, ".");  // the same octets, cut elsewhere
  EXPECT_FALSE(cache.find(patterns()));
}

TEST_F(PatternCacheTest, WhatIsDamagedOrMayBeForgedIsNotThere) {
  const PatternCache cache(folder_);
  cache.keep(patterns(), compiled());
  const fs::path file = files().at(0);
  fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
  EXPECT_FALSE(cache.find(patterns()));
  fs::permissions(file, fs::perms::group_write, fs::perm_options::remove);
  EXPECT_TRUE(cache.find(patterns()));
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(200).put('\x55').put(0);
  EXPECT_FALSE(cache.find(patterns()));
  std::ofstream(file, std::ios::trunc).close();
  EXPECT_FALSE(cache.find(patterns()));
  cache.keep(patterns(), compiled());
  EXPECT_TRUE(cache.find(patterns()));
}

TEST_F(PatternCacheTest, FewPatternsAndNoFolderKeepNothing) {
  PatternCache(std::string()).keep(patterns(), compiled());
  EXPECT_FALSE(PatternCache(std::string()).find(patterns()));
  const scan::Database few = compiled();
  texts_.pop_back();
  PatternCache(folder_).keep(patterns(), few);
  EXPECT_TRUE(files().empty());
}

TEST_F(PatternCacheTest, TheOldestGo) {
  const PatternCache cache(folder_);
  const scan::Database database = compiled();
  for (std::size_t i = 0; i < PatternCache::files_max + 3; ++i) {
    texts_[0] = fmt::format("^{}", i);
    cache.keep(patterns(), database);
  }
  EXPECT_EQ(files().size(), PatternCache::files_max);
  EXPECT_TRUE(cache.find(patterns()));
}

// As after a crash, or on a full disk.
TEST_F(PatternCacheTest, AFolderThatCannotBeMadeHarmsNobody) {
  std::ofstream(folder_).close();
  const PatternCache cache(folder_ + "/below");
  cache.keep(patterns(), compiled());
  EXPECT_FALSE(cache.find(patterns()));
}

}  // namespace
}  // namespace ringpost::mta
