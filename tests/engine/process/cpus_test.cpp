// Which processors there are, and keeping a thread to one.
#include "engine/process/cpus.h"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

namespace ringpost::process {
namespace {

TEST(Cpus, AThreadKeepsToItsOwn) {
  const std::vector<unsigned> all = allowed_cpus();
  ASSERT_FALSE(all.empty());
  EXPECT_TRUE(std::ranges::is_sorted(all));
  for (const unsigned cpu : all) {
    std::thread([cpu] {
      ASSERT_TRUE(keep_to_cpu(cpu));
      EXPECT_EQ(allowed_cpus(), std::vector<unsigned>{cpu});
      EXPECT_EQ(sched_getcpu(), static_cast<int>(cpu));
    }).join();
  }
  EXPECT_EQ(allowed_cpus(), all) << "other threads are not concerned";
}

TEST(Cpus, OneThatIsNotThereIsRefused) {
  std::thread([] {
    const std::vector<unsigned> before = allowed_cpus();
    EXPECT_FALSE(keep_to_cpu(CPU_SETSIZE - 1));
    EXPECT_EQ(allowed_cpus(), before);
  }).join();
}

}  // namespace
}  // namespace ringpost::process
