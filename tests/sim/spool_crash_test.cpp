// The spool on a disk that may stop at any moment: whatever a crash leaves, recovery gives every
// acknowledged message with its content, nothing that was never sent, and nothing that was laid to
// rest.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/sim/spool_world.h"

namespace ringpost::sim {
namespace {

constexpr std::uint32_t all_subsets_sectors_max = 8;

// Every state in which a crash during `write` may leave the disk: all subsets of a short write; of
// a long one all prefixes, all that lack one sector, and some at random.
void for_each_torn(const Disk& disk, const Write& write, std::mt19937_64& random,
                   const std::function<void(const Disk&, const std::string&)>& check) {
  const std::uint32_t sectors = write.sectors();
  const auto torn = [&](const std::string& name,
                        const std::function<bool(std::uint32_t)>& reached) {
    Disk left = disk;
    left.put(write, reached);
    check(left, name);
  };
  if (sectors <= all_subsets_sectors_max) {
    for (std::uint32_t subset = 0; subset < 1u << sectors; ++subset)
      torn(fmt::format("subset {:x}", subset),
           [&](std::uint32_t s) { return (subset >> s & 1) != 0; });
    return;
  }
  for (std::uint32_t end = 0; end <= sectors; ++end) {
    torn(fmt::format("first {}", end), [&](std::uint32_t s) { return s < end; });
    torn(fmt::format("all but {}", end), [&](std::uint32_t s) { return s != end; });
  }
  for (int i = 0; i < 8; ++i) torn("random", [&](std::uint32_t) { return random() % 2 == 0; });
}

// Runs one world and tears every single write of it in every way.
void enumerate_crashes(const WorldOptions& options, std::uint64_t seed, int steps) {
  Disk disk(options.slots, options.segment_octets);
  Ledger ledger;
  std::mt19937_64 random(seed);
  SpoolWorld world(options, seed, 0, disk, ledger);
  for (int step = 0; step < steps; ++step) {
    const bool was_under_way = world.under_way().has_value();
    world.step();
    if (!world.under_way() || was_under_way) continue;
    for_each_torn(disk, *world.under_way(), random, [&](const Disk& left, const std::string& how) {
      const std::string broken = broken_promise(left, ledger);
      ASSERT_EQ(broken, "") << "seed " << seed << " step " << step << " " << how;
    });
    if (testing::Test::HasFatalFailure()) return;
  }
  ASSERT_EQ(broken_promise(disk, ledger), "") << "seed " << seed;
}

// Lives one after another on the same disk, each ended by a crash in the middle of something.
struct Totals {
  std::uint64_t freed = 0;
  std::uint64_t relocations = 0;
  std::uint64_t failures = 0;
  std::uint64_t buried = 0;
};

Totals live_and_die(const WorldOptions& options, std::uint64_t seed, int lives, int steps) {
  Disk disk(options.slots, options.segment_octets);
  Ledger ledger;
  std::mt19937_64 random(seed);
  Totals totals;
  for (int life = 0; life < lives; ++life) {
    SpoolWorld world(options, random(), static_cast<std::uint32_t>(life % 3), disk, ledger);
    for (int step = 0; step < steps; ++step) world.step();
    totals.freed += world.freed_segments();
    totals.relocations += world.relocations();
    totals.failures += world.failures();
    if (world.under_way())
      disk.put(*world.under_way(), [&](std::uint32_t) { return random() % 3 > 0; });
    const std::string broken = broken_promise(disk, ledger);
    EXPECT_EQ(broken, "") << "seed " << seed << " life " << life;
    if (!broken.empty()) break;
  }
  for (const auto& [id, promise] : ledger) totals.buried += promise.buried;
  return totals;
}

TEST(SpoolCrash, EveryTornWriteOfSmallRunsRecovers) {
  for (std::uint64_t seed = 1; seed <= 20 && !HasFatalFailure(); ++seed)
    enumerate_crashes({.content_octets_max = 2'000}, seed, 120);
}

TEST(SpoolCrash, EveryTornWriteRecoversWhenWritesFailToo) {
  for (std::uint64_t seed = 1; seed <= 20 && !HasFatalFailure(); ++seed)
    enumerate_crashes({.write_failures_percent = 20}, 1'000 + seed, 200);
}

TEST(SpoolCrash, ManyLivesOnOneDisk) {
  Totals all;
  for (std::uint64_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    const Totals totals = live_and_die({}, seed, 12, 600);
    all.freed += totals.freed;
    all.relocations += totals.relocations;
    all.buried += totals.buried;
  }
  // The runs are worth something only if segments went round and round.
  EXPECT_GT(all.freed, 1'000u);
  EXPECT_GT(all.relocations, 200u);
  EXPECT_GT(all.buried, 5'000u);
}

TEST(SpoolCrash, ManyLivesWithFailingWrites) {
  Totals all;
  for (std::uint64_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    const Totals totals = live_and_die({.write_failures_percent = 5}, 7'000 + seed, 12, 600);
    all.freed += totals.freed;
    all.failures += totals.failures;
  }
  EXPECT_GT(all.freed, 500u);
  EXPECT_GT(all.failures, 300u);
}

}  // namespace
}  // namespace ringpost::sim
