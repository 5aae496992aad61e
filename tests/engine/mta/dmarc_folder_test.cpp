// Where rows lie: what a name says, and folders that cannot be had.
#include "engine/mta/dmarc_folder.h"

#include <cerrno>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

constexpr WallTime now{1'000'000'000'000};  // second 1,000,000

TEST(DmarcFolder, NamesSayWhatAFileIs) {
  const auto rows = parse_report_file("rows.10.19.7.0");
  ASSERT_TRUE(rows);
  EXPECT_TRUE(rows->is_rows);
  EXPECT_EQ(rows->period, (ReportPeriod{10, 19}));
  const auto sent = parse_report_file("sent.10.19");
  ASSERT_TRUE(sent);
  EXPECT_FALSE(sent->is_rows);
  for (const char* name : {"", "rows", "rows.", "rows.x.19.7.0", "rows.19.10.7.0", "sent.10",
                           "kept.10.19", "sent.10.99999999999999999999"})
    EXPECT_FALSE(parse_report_file(name)) << name;
}

TEST(DmarcFolder, GoesOnBehindWhatWasClosed) {
  const test::TemporaryDirectory folder;
  const std::string path = folder.path() + "/reports";
  ASSERT_TRUE(DmarcFolder::open(path, now));
  std::ofstream(path + "/sent.900000.999990") << "";
  std::ofstream(path + "/sent.1000000.1000050") << "";  // not over
  const auto opened = DmarcFolder::open(path, now);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->closed(), 999'991u);
}

TEST(DmarcFolder, AFileOrALinkInItsPlaceIsAFault) {
  const test::TemporaryDirectory folder;
  std::ofstream(folder.path() + "/file") << "";
  ASSERT_EQ(symlink(folder.path().c_str(), (folder.path() + "/link").c_str()), 0);
  for (const char* name : {"/file", "/link", "/file/below"}) {
    const auto opened = DmarcFolder::open(folder.path() + name, now);
    ASSERT_FALSE(opened) << name;
    EXPECT_NE(opened.error().code, 0) << name;
  }
}

}  // namespace
}  // namespace ringpost::mta
