// Compiling lists of patterns: every error with its index, and images that only load where they
// fit.
#include "scan/pattern/database.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/base/crc32c.h"
#include "scan/pattern/matcher.h"

namespace ringpost::scan {
namespace {

std::vector<Pattern> patterns(const std::vector<std::string>& expressions) {
  std::vector<Pattern> list;
  for (const std::string& expression : expressions)
    list.push_back({expression, {}, static_cast<std::uint32_t>(list.size())});
  return list;
}

Database compiled(const std::vector<std::string>& expressions) {
  auto database = Database::compile(patterns(expressions));
  EXPECT_TRUE(database.has_value());
  return std::move(*database);
}

TEST(PatternDatabase, ReportsEveryBadExpressionWithItsIndex) {
  const auto made =
      Database::compile(patterns({"good", "(open", "also good", "[z-a]", "(a)\\1", "x*"}));
  ASSERT_FALSE(made.has_value());
  std::vector<std::size_t> indexes;
  for (const PatternError& error : made.error()) {
    EXPECT_FALSE(error.text.empty());
    indexes.push_back(error.index.value());
  }
  EXPECT_EQ(indexes, (std::vector<std::size_t>{1, 3, 4, 5}));
}

TEST(PatternDatabase, RefusesWhatACStringWouldHide) {
  const std::string with_nul("a\0b", 3);
  const std::string long_one(Database::expression_octets_max + 1, 'a');
  const auto made = Database::compile(patterns({"", with_nul, "fine", long_one, "(open"}));
  ASSERT_FALSE(made.has_value());
  ASSERT_EQ(made.error().size(), 4u);
  EXPECT_EQ(made.error()[0].text, "the expression is empty");
  EXPECT_TRUE(made.error()[1].text.contains("NUL"));
  EXPECT_TRUE(made.error()[2].text.contains("longer"));
  EXPECT_EQ(made.error()[3].index, 4u);
}

TEST(PatternDatabase, RefusesTooFewAndTooManyPatterns) {
  const auto none = Database::compile({});
  ASSERT_FALSE(none.has_value());
  EXPECT_FALSE(none.error().at(0).index.has_value());
  const std::vector<Pattern> many(Database::patterns_max + 1, Pattern{"a", {}, 1});
  const auto crowd = Database::compile(many);
  ASSERT_FALSE(crowd.has_value());
  EXPECT_FALSE(crowd.error().at(0).index.has_value());
}

TEST(PatternDatabase, AnEmptyMatchMustBeAskedFor) {
  std::vector<Pattern> list = patterns({"x*"});
  EXPECT_FALSE(Database::compile(list).has_value());
  list[0].options.allow_empty = true;
  EXPECT_TRUE(Database::compile(list).has_value());
}

TEST(PatternImage, RoundTrips) {
  const Database before = compiled({"abc", "x[0-9]+y"});
  const auto after = Database::deserialise(before.serialise());
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->pattern_count(), 2u);
  EXPECT_EQ(after->size_bytes(), before.size_bytes());
  Matcher matcher(*after);
  const auto found = matcher.match(bytes_of("..x42y.."));
  EXPECT_EQ(std::vector<std::uint32_t>(found.begin(), found.end()),
            (std::vector<std::uint32_t>{1}));
}

TEST(PatternImage, RefusesEveryCutAndEveryDamagedOctet) {
  const auto image = compiled({"ab"}).serialise();
  for (std::size_t size = 0; size < image.size(); ++size)
    EXPECT_FALSE(Database::deserialise(Bytes(image).first(size)).has_value()) << size;
  for (std::size_t at = 0; at < image.size(); ++at) {
    auto damaged = image;
    damaged[at] ^= std::byte{0x40};
    EXPECT_FALSE(Database::deserialise(damaged).has_value()) << at;
  }
}

// Changes the 4 octets at `offset` and makes the checksum right again.
std::vector<std::byte> altered(std::vector<std::byte> image, std::size_t offset,
                               std::uint32_t value) {
  std::memcpy(image.data() + offset, &value, sizeof value);
  const std::uint32_t crc = crc32c(0, Bytes(image).subspan(8));
  std::memcpy(image.data() + 4, &crc, sizeof crc);
  return image;
}

TEST(PatternImage, SaysWhyItCannotBeUsed) {
  const auto image = compiled({"ab"}).serialise();
  const auto error_of = [](const std::vector<std::byte>& octets) {
    const auto made = Database::deserialise(octets);
    return made ? std::optional<ImageError>() : std::optional(made.error());
  };
  EXPECT_EQ(error_of({}), ImageError::Malformed);
  EXPECT_EQ(error_of(altered(image, 0, 0)), ImageError::Malformed);
  auto damaged = image;
  damaged.back() ^= std::byte{1};
  EXPECT_EQ(error_of(damaged), ImageError::Damaged);
  EXPECT_EQ(error_of(altered(image, 8, 2)), ImageError::OtherVersion) << "format";
  EXPECT_EQ(error_of(altered(image, 12, 0x7fff)), ImageError::OtherPlatform) << "tune";
  EXPECT_EQ(error_of(altered(image, 20, 0x80000000)), ImageError::OtherPlatform) << "features";
  EXPECT_EQ(error_of(altered(image, 32, 1)), ImageError::OtherVersion) << "Hyperscan's version";
  EXPECT_EQ(error_of(altered(image, 40, 1)), ImageError::Malformed) << "length";
  EXPECT_EQ(error_of(altered(image, 48, 1)), ImageError::Malformed) << "Hyperscan's own head";
}

}  // namespace
}  // namespace ringpost::scan
