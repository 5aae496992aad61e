// Header and body come apart at the same place however the content is cut.
#include "scan/sign/header_gatherer.h"

#include <gtest/gtest.h>

namespace ringpost::scan {
namespace {

std::pair<std::string, std::string> parted(std::string_view text, std::size_t step) {
  HeaderGatherer gatherer;
  std::string body;
  for (std::size_t at = 0; at < text.size(); at += step)
    body += text_of(gatherer.take(bytes_of(text.substr(at, step))));
  return {std::string(gatherer.header()), body};
}

TEST(HeaderGatherer, FindsTheEmptyLine) {
  using Pair = std::pair<std::string, std::string>;
  for (const std::size_t step : {1u, 2u, 3u, 100u}) {
    EXPECT_EQ(parted("A: b\r\n\r\nbody\r\n\r\n", step), Pair("A: b\r\n", "body\r\n\r\n"));
    EXPECT_EQ(parted("\r\nbody", step), Pair("", "body"));
    EXPECT_EQ(parted("A: b\r\n", step), Pair("A: b\r\n", ""));
    EXPECT_EQ(parted("A: b\r\r\n\r\r\n\r\nx", step), Pair("A: b\r\r\n\r\r\n", "x"));
    EXPECT_EQ(parted("A\n\nb", step), Pair("A\n\nb", ""));
  }
}

TEST(HeaderGatherer, CutsWhatIsTooLarge) {
  HeaderGatherer gatherer;
  const std::string line = "A: " + std::string(1000, 'x') + "\r\n";
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(gatherer.take(bytes_of(line)).empty());
  EXPECT_TRUE(gatherer.is_cut());
  EXPECT_EQ(gatherer.header().size(), header_octets_max);
  EXPECT_EQ(text_of(gatherer.take(bytes_of("\r\nbody"))), "body");
}

TEST(HeaderGatherer, CutsWhatHasTooManyLines) {
  for (const std::size_t step : {1u, 7u, 100'000u}) {
    std::string text;
    for (std::size_t i = 0; i < header_lines_max + 10; ++i) text += "A:\r\n";
    HeaderGatherer gatherer;
    for (std::size_t at = 0; at < text.size(); at += step)
      EXPECT_TRUE(gatherer.take(bytes_of(std::string_view(text).substr(at, step))).empty());
    EXPECT_TRUE(gatherer.is_cut());
    EXPECT_EQ(gatherer.header().size(), header_lines_max * 4);
    EXPECT_EQ(text_of(gatherer.take(bytes_of("\r\nbody"))), "body");
  }
}

}  // namespace
}  // namespace ringpost::scan
