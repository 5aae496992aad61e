// Decisions on their way into the ring file: written by several logs into one file, over restarts,
// round and round, and where the disk takes nothing.
#include "engine/mta/decision_log.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

struct DecisionLogTest : testing::Test {
  test::TemporaryDirectory folder;
  std::unique_ptr<observe::EventLog> events = test::open_log(folder.path() + "/log");
  std::unique_ptr<ring::Core> core = test::make_core();
  observe::DecisionMetrics metrics;
  std::string path = folder.path() + "/decisions";

  std::unique_ptr<DecisionFile> open(std::uint64_t octets = 1 << 20) const {
    auto file = DecisionFile::open(path, octets);
    EXPECT_TRUE(file) << to_text(file.error());
    return file ? std::move(*file) : nullptr;
  }
  void run(DecisionLog& log, const std::function<bool()>& finished) const {
    core->at_turn_end([&log] { log.end_of_turn(); });
    EXPECT_TRUE(test::run_until(*core, finished));
  }
  // By sequence number of the chunk, then in their order.
  std::vector<std::uint64_t> ids() const {
    std::map<std::uint64_t, std::vector<std::uint64_t>> chunks;
    const std::string text = test::read_text(path);
    for (std::size_t at = 0; at < text.size(); at += store::chunk_octets) {
      const Bytes chunk = bytes_of(text).subspan(at, store::chunk_octets);
      store::read_chunk(chunk, [&](const store::DecisionRecord& record) {
        chunks[*store::chunk_sequence(chunk)].push_back(record.id.value);
      });
    }
    std::vector<std::uint64_t> all;
    for (const auto& [sequence, some] : chunks) all.insert(all.end(), some.begin(), some.end());
    return all;
  }
};

TEST_F(DecisionLogTest, WritesWhatItWasGivenAndSaysWhen) {
  const auto file = open();
  DecisionLog log(*core, file.get(), metrics, events->core(0));
  bool flushed = false;
  log.flush([&flushed] { flushed = true; });
  EXPECT_TRUE(flushed) << "nothing was there to wait for";
  log.put({.id = {1}});
  log.put({.id = {2}});
  EXPECT_FALSE(log.idle());
  flushed = false;
  log.flush([&] {
    flushed = true;
    EXPECT_EQ(ids(), (std::vector<std::uint64_t>{1, 2}));
  });
  EXPECT_FALSE(flushed);
  run(log, [&flushed] { return flushed; });
  EXPECT_TRUE(log.idle());
  EXPECT_EQ(metrics.written.value(), 2u);
  EXPECT_EQ(metrics.lost.value(), 0u);
}

TEST_F(DecisionLogTest, ARestartGoesOnBehindWhatIsThere) {
  for (std::uint64_t life = 1; life <= 3; ++life) {
    const auto file = open();
    const auto core_of_life = test::make_core();
    DecisionLog log(*core_of_life, file.get(), metrics, events->core(0));
    core_of_life->at_turn_end([&log] { log.end_of_turn(); });
    log.put({.id = {life}});
    EXPECT_TRUE(test::run_until(*core_of_life, [&log] { return log.idle(); }));
  }
  EXPECT_EQ(ids(), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(DecisionLogTest, LogsOfSeveralCoresShareTheFile) {
  const auto file = open();
  DecisionLog one(*core, file.get(), metrics, events->core(0));
  DecisionLog two(*core, file.get(), metrics, events->core(0));
  core->at_turn_end([&] { one.end_of_turn(), two.end_of_turn(); });
  one.put({.id = {1}});
  two.put({.id = {2}});
  one.put({.id = {3}});
  EXPECT_TRUE(test::run_until(*core, [&] { return one.idle() && two.idle(); }));
  EXPECT_EQ(ids(), (std::vector<std::uint64_t>{1, 3, 2}));
}

TEST_F(DecisionLogTest, TheOldestGoFirstWhenTheFileIsFull) {
  const auto file = open();
  DecisionLog log(*core, file.get(), metrics, events->core(0));
  core->at_turn_end([&log] { log.end_of_turn(); });
  const std::string text(70, 'x');
  std::uint64_t id = 0;
  for (int round = 0; round < 400; ++round) {
    for (int i = 0; i < 100; ++i)
      log.put({.id = {++id}, .client = text, .client_name = text, .hello = text, .sender = text});
    EXPECT_TRUE(test::run_until(*core, [&log] { return log.idle(); }));
  }
  EXPECT_EQ(metrics.lost.value(), 0u);
  const std::vector<std::uint64_t> kept = ids();
  EXPECT_EQ(test::read_text(path).size(), std::size_t{1} << 20);
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.back(), id);
  EXPECT_GT(kept.front(), 1u);
  // Without a gap, and most of the room is used.
  EXPECT_EQ(kept.size(), id - kept.front() + 1);
  EXPECT_GT(kept.size() * 300, std::size_t{700'000});
}

// The chunk of the one that has little to say is another's by then.
TEST_F(DecisionLogTest, AQuietCoreDoesNotWriteIntoTheChunksOfOthers) {
  const auto file = open();
  DecisionLog quiet(*core, file.get(), metrics, events->core(0));
  DecisionLog busy(*core, file.get(), metrics, events->core(0));
  core->at_turn_end([&] { quiet.end_of_turn(), busy.end_of_turn(); });
  quiet.put({.id = {1'000'000}});
  EXPECT_TRUE(test::run_until(*core, [&] { return quiet.idle(); }));
  const std::string text(70, 'x');
  std::uint64_t id = 0;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 100; ++i)
      busy.put({.id = {++id}, .client = text, .client_name = text, .hello = text, .sender = text});
    EXPECT_TRUE(test::run_until(*core, [&] { return busy.idle(); }));
  }
  quiet.put({.id = {1'000'001}});
  EXPECT_TRUE(test::run_until(*core, [&] { return quiet.idle(); }));
  const std::vector<std::uint64_t> kept = ids();
  EXPECT_NE(std::ranges::find(kept, std::uint64_t{1'000'001}), kept.end());
  EXPECT_EQ(kept.size(), id - kept.front() + 2);
}

TEST_F(DecisionLogTest, MoreThanTheDiskTakesIsLostAndCounted) {
  const auto file = open();
  DecisionLog log(*core, file.get(), metrics, events->core(0));
  core->at_turn_end([&log] { log.end_of_turn(); });
  for (std::uint64_t id = 1; id <= 10'000; ++id) log.put({.id = {id}});
  EXPECT_GT(metrics.lost.value(), 0u);
  EXPECT_TRUE(test::run_until(*core, [&log] { return log.idle(); }));
  EXPECT_EQ(metrics.written.value() + metrics.lost.value(), 10'000u);
  EXPECT_EQ(ids().size(), metrics.written.value());
  // And then it goes on.
  log.put({.id = {20'000}});
  EXPECT_TRUE(test::run_until(*core, [&log] { return log.idle(); }));
  EXPECT_EQ(ids().back(), 20'000u);
}

TEST_F(DecisionLogTest, AWriteThatFailsCostsItsRecordsOnly) {
  const auto file = open();
  DecisionLog log(*core, file.get(), metrics, events->core(0));
  core->at_turn_end([&log] { log.end_of_turn(); });
  // Stands for a full disk: this process may write no file beyond its first octet.
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit none{.rlim_cur = 1, .rlim_max = before.rlim_max};
  log.put({.id = {1}});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const bool ended = test::run_until(*core, [&log] { return log.idle(); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_TRUE(ended);
  if (metrics.faults.value() == 0) GTEST_SKIP() << "the ring's worker is not bound by the limit";
  EXPECT_EQ(metrics.lost.value(), 1u);
  log.put({.id = {2}});
  EXPECT_TRUE(test::run_until(*core, [&log] { return log.idle(); }));
  EXPECT_EQ(metrics.written.value(), 1u);
}

TEST_F(DecisionLogTest, WithoutAFileEverythingIsLost) {
  DecisionLog log(*core, nullptr, metrics, events->core(0));
  log.put({.id = {1}});
  EXPECT_EQ(metrics.lost.value(), 1u);
  EXPECT_TRUE(log.idle());
}

TEST_F(DecisionLogTest, AFileThatCannotBeOpenedIsAFault) {
  EXPECT_FALSE(DecisionFile::open(folder.path() + "/none/decisions", 1 << 20));
}

}  // namespace
}  // namespace ringpost::mta
