// Patterns of several tables by one core's memory.
#include "engine/mta/compiled_patterns.h"

#include <array>
#include <deque>

#include <gtest/gtest.h>

#include "scan/pattern/posix.h"

namespace ringpost::mta {
namespace {

CompiledPatterns compiled(std::string_view expression) {
  auto database = scan::compile_posix(std::span(&expression, 1));
  EXPECT_TRUE(database);
  return CompiledPatterns(std::move(*database));
}

TEST(CompiledPatterns, EachWithItsOwnMemory) {
  PatternMatchers matchers;
  std::deque<CompiledPatterns> tables;
  for (int i = 0; i < 300; ++i) tables.push_back(compiled("^host" + std::to_string(i) + "\\."));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 300; ++i) {
      const std::string name = "host" + std::to_string(i) + ".example";
      EXPECT_TRUE(matchers.matches(tables[static_cast<std::size_t>(i)], name));
      EXPECT_FALSE(matchers.matches(tables[static_cast<std::size_t>((i + 1) % 300)], name));
    }
    matchers.clear();
  }
}

}  // namespace
}  // namespace ringpost::mta
