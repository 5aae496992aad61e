// The ring between a core and the writer: whole lines, in order, or none.
#include "engine/observe/line_ring.h"

#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace ringpost::observe {
namespace {

std::string take_all(LineRing& ring) {
  const auto [first, second] = ring.readable();
  std::string text(first.begin(), first.end());
  text.append(second.begin(), second.end());
  ring.consume(text.size());
  return text;
}

TEST(LineRing, GivesBackWhatWasPutInAcrossTheEdge) {
  LineRing ring(16);
  EXPECT_TRUE(ring.empty());
  for (int i = 0; i < 50; ++i) {
    const std::string line(static_cast<std::size_t>(i % 16) + 1, 'a');
    ASSERT_TRUE(ring.push(line));
    EXPECT_FALSE(ring.empty());
    ASSERT_EQ(take_all(ring), line);
  }
  EXPECT_TRUE(ring.empty());
}

TEST(LineRing, DropsAndCountsAWholeLineThatDoesNotFit) {
  LineRing ring(16);
  EXPECT_TRUE(ring.push("0123456789\n"));
  EXPECT_FALSE(ring.push("012345\n"));
  EXPECT_TRUE(ring.push("abcd\n"));
  EXPECT_FALSE(ring.push("\n"));
  EXPECT_EQ(ring.dropped(), 2u);
  EXPECT_EQ(take_all(ring), "0123456789\nabcd\n");
  EXPECT_TRUE(ring.push("012345678901234\n"));
  EXPECT_FALSE(ring.push("a line longer than the ring\n"));
}

TEST(LineRing, CarriesLinesBetweenTwoThreadsInOrder) {
  LineRing ring(1024);
  constexpr int lines = 100'000;
  std::thread producer([&] {
    for (int i = 0; i < lines; ++i) {
      while (!ring.push(std::to_string(i) + "\n")) std::this_thread::yield();
    }
  });
  int expected = 0;
  while (expected < lines) {
    const std::string text = take_all(ring);
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = text.find('\n', start);
      ASSERT_NE(end, std::string::npos) << "half a line";
      ASSERT_EQ(text.substr(start, end - start), std::to_string(expected++));
      start = end + 1;
    }
  }
  producer.join();
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace ringpost::observe
