// The hard end of a stop: it comes when nothing else does, and never otherwise.
#include "engine/mta/end_watch.h"

#include <cstdio>

#include <gtest/gtest.h>
#include <unistd.h>

namespace ringpost::mta {
namespace {

TEST(EndWatchTest, EndsAProcessThatHangs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang = [] {
    const EndWatch watch(milliseconds(50), [] { std::fputs("given up\n", stderr); });
    while (true) pause();
  };
  EXPECT_EXIT(hang(), testing::ExitedWithCode(EndWatch::exit_status), "given up");
}

TEST(EndWatchTest, LeavesAnEndThatComesInTimeAlone) {
  for (int i = 0; i < 20; ++i) const EndWatch watch(seconds(60), [] { FAIL() << "given up"; });
}

}  // namespace
}  // namespace ringpost::mta
