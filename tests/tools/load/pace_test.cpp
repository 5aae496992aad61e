// The pace: even, never ahead of time, and what was missed stays due.
#include "tools/load/pace.h"

#include <gtest/gtest.h>

namespace ringpost::load {
namespace {

const Instant start{1'000};

TEST(LoadPace, SpreadsMessagesEvenly) {
  Pace pace(1000, start);
  EXPECT_EQ(pace.take(start), start);
  EXPECT_EQ(pace.take(start), std::nullopt);
  EXPECT_EQ(pace.next(), start + milliseconds(1));
  EXPECT_EQ(pace.take(start + milliseconds(1)), start + milliseconds(1));
}

TEST(LoadPace, KeepsTheDueTimeOfWhatWasMissed) {
  Pace pace(10, start);
  const Instant late = start + seconds(1);
  for (int i = 0; i <= 10; ++i) EXPECT_EQ(pace.take(late), start + milliseconds(100 * i));
  EXPECT_EQ(pace.take(late), std::nullopt);
}

}  // namespace
}  // namespace ringpost::load
