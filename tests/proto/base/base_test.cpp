// The shared vocabulary: checksums, ids, ASCII helpers.
#include <gtest/gtest.h>

#include "proto/base/ascii.h"
#include "proto/base/bytes.h"
#include "proto/base/crc32c.h"
#include "proto/base/queue_id.h"

namespace ringpost {
namespace {

// RFC 3720 B.4 gives these check values for CRC-32C.
TEST(Crc32c, MatchesThePublishedValues) {
  EXPECT_EQ(crc32c(0, bytes_of("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(0, bytes_of(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(crc32c(0, bytes_of(std::string(32, '\xff'))), 0x62a8ab43u);
  EXPECT_EQ(crc32c(0, {}), 0u);
}

TEST(Crc32c, IsTheSameHoweverTheOctetsAreCut) {
  const std::string text = "a message of some length, which is cut at every place";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t first = crc32c(0, bytes_of(text.substr(0, cut)));
    EXPECT_EQ(crc32c(first, bytes_of(text.substr(cut))), crc32c(0, bytes_of(text)));
  }
}

TEST(QueueId, RoundTripsAndRefusesWhatIsNotOne) {
  const QueueId id{0x0100'1234'5678'9abcULL};
  EXPECT_EQ(to_text(id), "0100123456789abc");
  EXPECT_EQ(parse_queue_id("0100123456789abc"), id);
  EXPECT_EQ(id.core(), 1u);
  for (const char* bad :
       {"", "0100123456789ab", "0100123456789abcd", "0100123456789abg", "-100123456789abc"})
    EXPECT_FALSE(parse_queue_id(bad)) << bad;
}

TEST(Ascii, DecimalRefusesSignsBlanksAndOverflow) {
  EXPECT_EQ(ascii::parse_decimal("0"), 0u);
  EXPECT_EQ(ascii::parse_decimal("18446744073709551615"), 18446744073709551615u);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "18446744073709551616", "1x"})
    EXPECT_FALSE(ascii::parse_decimal(bad)) << bad;
}

}  // namespace
}  // namespace ringpost
