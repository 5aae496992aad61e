// The queue of one core: what it tells of attempts, and what the operator does meanwhile. The rig
// has no action, so every attempt is put off.
#include "engine/mta/dispatcher.h"

#include <gtest/gtest.h>

#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

class DispatcherTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.start()); }
  // Runs attempts until `count` have ended.
  bool attempt(std::uint64_t count) {
    rig_.dispatcher->pause(false);
    const bool done = rig_.run([&] {
      rig_.dispatcher->start_due();
      return rig_.metrics.delivery.delayed.value() >= count && rig_.dispatcher->idle();
    });
    rig_.dispatcher->pause(true);
    return done;
  }
  bool logged(const std::string& text) {
    return test::wait_for(
        [&] { return test::read_text(folder_.file("log")).find(text) != std::string::npos; },
        seconds(5));
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
};

TEST_F(DispatcherTest, AClockThatWasSetBackGivesNoNegativeDelay) {
  rig_.accept("x\r\n", 1, seconds(3'600));
  ASSERT_TRUE(attempt(1));
  EXPECT_TRUE(logged("attempt.finished"));
  EXPECT_TRUE(logged(" delay=0.000"));
}

}  // namespace
}  // namespace ringpost::mta
