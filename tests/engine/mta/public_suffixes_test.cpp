// The public suffix list of the machine, by the cases its maintainers publish.
#include "engine/mta/public_suffixes.h"

#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

// The text in quotes at the front of `rest`, which is taken off; nothing for null.
std::optional<std::string> take_argument(std::string_view& rest) {
  const bool is_null = rest.starts_with("null");
  const std::size_t end = is_null ? 4 : rest.find('\'', 1) + 1;
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 2, rest.size()));
  if (is_null) return std::nullopt;
  return std::string(word.substr(1, word.size() - 2));
}

TEST(PublicSuffixes, PublishedCases) {
  const PublicSuffixes suffixes;
  std::ifstream file(RINGPOST_SOURCE_DIR "/tests/corpus/psl/test_psl.txt");
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view call = "checkPublicSuffix(";
    if (!line.starts_with(call)) continue;
    std::string_view rest = std::string_view(line).substr(call.size());
    const auto domain = take_argument(rest);
    const auto wanted = take_argument(rest);
    EXPECT_EQ(suffixes.registrable(domain.value_or("")), wanted.value_or("")) << line;
    ++cases;
  }
  EXPECT_EQ(cases, 78);
}

TEST(PublicSuffixes, WhatIsNoDomainHasNone) {
  const PublicSuffixes suffixes;
  EXPECT_EQ(suffixes.registrable("example.com."), "example.com");
  EXPECT_EQ(suffixes.registrable("."), "");
  EXPECT_EQ(suffixes.registrable("a..example.com"), "");
  EXPECT_EQ(suffixes.registrable("\xff.com"), "");
  EXPECT_EQ(suffixes.registrable(std::string_view("a\0b.com", 7)), "");
  EXPECT_EQ(suffixes.registrable(std::string(100'000, 'a') + ".com"), "");
}

}  // namespace
}  // namespace ringpost::mta
