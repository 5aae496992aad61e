// Rows for DMARC's reports on their way into files: by periods, and where the disk takes nothing.
#include "engine/mta/dmarc_rows.h"

#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/dmarc/row.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

constexpr Duration day = seconds(86'400);

struct DmarcRowsTest : testing::Test {
  test::TemporaryDirectory folder;
  std::unique_ptr<observe::EventLog> events = test::open_log(folder.path() + "/log");
  std::unique_ptr<ring::Core> core = test::make_core();
  observe::DmarcMetrics metrics;
  std::string path = folder.path() + "/reports";
  std::unique_ptr<DmarcFolder> files = open();

  std::unique_ptr<DmarcFolder> open() const {
    auto opened = DmarcFolder::open(path, WallTime{1'000'000});
    EXPECT_TRUE(opened) << to_text(opened.error());
    return opened ? std::move(*opened) : nullptr;
  }
  static auth::DmarcRow row(std::uint64_t second, std::string domain) {
    return {.second = second, .published = {.domain = std::move(domain)}};
  }
  bool settle(DmarcRows& rows) {
    rows.flush([] {});
    return test::run_until(*core, [&rows] { return rows.idle(); });
  }
  std::vector<std::string> domains() const {
    std::vector<std::string> all;
    for (const ReportFile& file : files->files()) {
      const std::string text = test::read_text(path + "/" + file.name);
      store::RowReader reader(bytes_of(text));
      while (const auto one = reader.next()) all.push_back(one->published.domain);
    }
    return all;
  }
};

TEST_F(DmarcRowsTest, EachPeriodHasAFile) {
  DmarcRows rows(*core, files.get(), 0, metrics, events->core(0));
  core->at_turn_end([&rows] { rows.end_of_turn(); });
  rows.put(row(86'399, "a.test"), day);
  rows.put(row(86'400, "b.test"), day);
  rows.put(row(86'401, "c.test"), day);
  ASSERT_TRUE(settle(rows));
  EXPECT_EQ(files->files().size(), 2u);
  EXPECT_EQ(domains(), (std::vector<std::string>{"a.test", "b.test", "c.test"}));
  EXPECT_EQ(metrics.rows.value(), 3u);
}

// Whose files may have been read, and be gone.
TEST_F(DmarcRowsTest, NothingIsAddedToAPeriodThatIsClosed) {
  DmarcRows rows(*core, files.get(), 0, metrics, events->core(0));
  core->at_turn_end([&rows] { rows.end_of_turn(); });
  rows.put(row(86'399, "a.test"), day);
  ASSERT_TRUE(settle(rows));
  const ReportFile first = files->files().front();
  files->close_before(first.period.end + 1);
  ASSERT_EQ(unlinkat(files->file(), first.name.c_str(), 0), 0);
  rows.put(row(86'399, "b.test"), day);
  ASSERT_TRUE(settle(rows));
  ASSERT_EQ(files->files().size(), 1u);
  EXPECT_GT(files->files().front().period.begin, first.period.end);
  EXPECT_EQ(domains(), std::vector<std::string>{"b.test"});
}

TEST_F(DmarcRowsTest, WithoutAFolderEverythingIsLost) {
  DmarcRows rows(*core, nullptr, 0, metrics, events->core(0));
  rows.put(row(1, "a.test"), day);
  EXPECT_TRUE(rows.idle());
  EXPECT_EQ(metrics.lost.value(), 1u);
}

// However often: a full disk makes no files, and the rows that come when it has room are kept.
TEST_F(DmarcRowsTest, AFullDiskCostsWhatCameMeanwhileOnly) {
  DmarcRows rows(*core, files.get(), 0, metrics, events->core(0));
  core->at_turn_end([&rows] { rows.end_of_turn(); });
  rows.put(row(1, "before.test"), day);
  ASSERT_TRUE(settle(rows));
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  // Room for a part of a record.
  const auto used = test::read_text(path + "/" + files->files().front().name).size();
  const rlimit none{.rlim_cur = used + 5, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  bool ended = true;
  for (int i = 0; i < 120 && ended; ++i) {
    rows.put(row(1, "meanwhile.test"), day);
    ended = settle(rows);
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_TRUE(ended);
  if (metrics.lost.value() == 0) GTEST_SKIP() << "the ring's worker is not bound by the limit";
  rows.put(row(1, "after.test"), day);
  ASSERT_TRUE(settle(rows));
  EXPECT_EQ(files->files().size(), 1u);
  EXPECT_EQ(domains(), (std::vector<std::string>{"before.test", "after.test"}));
  EXPECT_EQ(metrics.lost.value(), 120u);
}

}  // namespace
}  // namespace ringpost::mta
