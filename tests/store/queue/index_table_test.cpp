// The table of indexes against a map, with hashes that collide often.
#include "store/queue/index_table.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

TEST(IndexTable, AgreesWithAMap) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    // Few low bits, few high bits: long runs, and all in few parts.
    std::vector<std::uint64_t> hashes(3'000);
    for (auto& hash : hashes) hash = (random() & 0x0300'0000'0000'01ffULL);
    const auto hash_of = [&](std::uint32_t i) { return hashes[i]; };
    IndexTable table;
    std::map<std::uint32_t, bool> present;
    for (int step = 0; step < 20'000; ++step) {
      const auto i = static_cast<std::uint32_t>(random() % hashes.size());
      if (!present[i] && random() % 3 != 0) {
        table.insert(hashes[i], i, hash_of);
        present[i] = true;
      } else if (present[i] && random() % 2 == 0) {
        table.erase(hashes[i], i, hash_of);
        present[i] = false;
      }
      const auto j = static_cast<std::uint32_t>(random() % hashes.size());
      const auto found = table.find(hashes[j], [&](std::uint32_t other) { return other == j; });
      ASSERT_EQ(found, present[j] ? j : no_item);
    }
  }
}

TEST(IndexTable, IsEmptyAtFirst) {
  const IndexTable table;
  EXPECT_EQ(table.find(42, [](std::uint32_t) { return true; }), no_item);
}

}  // namespace
}  // namespace ringpost::store
