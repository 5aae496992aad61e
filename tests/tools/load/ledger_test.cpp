// The ledger: appends whole lines, keeps what is there, and tells when it cannot.
#include "tools/load/ledger.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <unistd.h>

namespace ringpost::load {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(LoadLedger, AppendsToWhatIsThere) {
  const auto path =
      std::filesystem::path(testing::TempDir()) / ("ledger-" + std::to_string(getpid()));
  std::filesystem::remove(path);
  for (const std::string_view id : {"one", "two"}) {
    auto ledger = Ledger::open(path);
    ASSERT_TRUE(ledger);
    ledger->add(id);
    ledger->add("x");
    EXPECT_TRUE(ledger->flush());
    EXPECT_TRUE(ledger->flush());
  }
  EXPECT_EQ(content_of(path), "one\nx\ntwo\nx\n");
  std::filesystem::remove(path);
}

TEST(LoadLedger, TellsWhenAFileCannotBeOpenedOrWritten) {
  EXPECT_FALSE(Ledger::open("/nonexistent/ledger"));
  auto full = Ledger::open("/dev/full");
  ASSERT_TRUE(full);
  full->add("id");
  EXPECT_FALSE(full->flush());
}

TEST(LoadLedger, WithoutAFileItKeepsNothing) {
  Ledger ledger;
  ledger.add("id");
  EXPECT_TRUE(ledger.flush());
}

}  // namespace
}  // namespace ringpost::load
