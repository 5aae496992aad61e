// Who serves a destination, and how long it is left alone.
#include "store/queue/destination.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

TEST(Destination, HasOneOwnerForEver) {
  EXPECT_EQ(hash_of("example.org"), hash_of(std::string("example.org")));
  EXPECT_EQ(hash_of("example.org"), 0xdd92ef3c617d04afULL);  // as it was, and has to stay
  EXPECT_EQ(owner_of("example.org", 1), 0u);
  std::array<int, 4> counts{};
  for (int i = 0; i < 10'000; ++i) ++counts[owner_of("d" + std::to_string(i) + ".example", 4)];
  for (const int count : counts) EXPECT_NEAR(count, 2'500, 250);
}

TEST(Destination, IsLeftAloneForLongerAndLonger) {
  const DestinationLimits limits;
  for (std::uint8_t n = 1; n <= 6; ++n) {
    const Duration pause = pause_of(limits, "a.example", n);
    const Duration plain = limits.pause_min * (1 << (n - 1));
    EXPECT_GE(pause, plain);
    EXPECT_LE(pause.ns, plain.ns + plain.ns / 8);
    EXPECT_NE(pause, pause_of(limits, "b.example", n));
  }
  EXPECT_LE(pause_of(limits, "a.example", 255).ns, limits.pause_max.ns / 8 * 9);
}

TEST(Destination, SurvivesAbsurdPauses) {
  const DestinationLimits limits{.pause_min = {}, .pause_max = {}};
  EXPECT_EQ(pause_of(limits, "a.example", 200), Duration{});
}

}  // namespace
}  // namespace ringpost::store
