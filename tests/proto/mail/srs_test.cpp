// Senders of forwarded messages, rewritten and restored.
#include "proto/mail/srs.h"

#include <gtest/gtest.h>

#include "proto/base/ascii.h"
#include "proto/base/bytes.h"
#include "proto/base/crc32c.h"

namespace ringpost::mail {
namespace {

constexpr WallTime now{1'763'856'000'000'000};
constexpr WallTime days_later(std::int64_t n) { return now + seconds(n * 86'400); }

// Stands in for a hash that cannot be forged; what is tested does not depend on that.
std::array<std::byte, 8> sum(std::string_view key, std::string_view text) {
  std::array<std::byte, 8> octets{};
  std::uint64_t value =
      (std::uint64_t{crc32c(1, bytes_of(std::string(key) + ':' + std::string(text)))} << 32) |
      crc32c(2, bytes_of(std::string(text) + ':' + std::string(key)));
  for (std::byte& octet : octets) {
    octet = static_cast<std::byte>(value >> 56);
    value <<= 8;
  }
  return octets;
}

const Srs first({.key = "one", .backup_key = {}}, sum);
const Srs second({.key = "two", .backup_key = {}}, sum);
const Srs third({.key = "three", .backup_key = {}}, sum);
const SrsAddress sender{"Ann.Lee", "example.org"};

TEST(Srs, RewritesAndRestores) {
  const auto local = first.rewrite(sender, now);
  ASSERT_TRUE(local);
  EXPECT_TRUE(local->starts_with("SRS0="));
  EXPECT_TRUE(local->ends_with("=example.org=Ann.Lee"));
  EXPECT_EQ(local->size(), 5 + 6 + 1 + 2 + sizeof("=example.org=Ann.Lee") - 1);
  EXPECT_EQ(first.restore(*local, now), sender);
  EXPECT_EQ(first.rewrite(sender, now), local);
}

TEST(Srs, KeepsLocalPartsWithEqualSigns) {
  const SrsAddress odd{"prvs=1234=ann lee", "example.org"};
  EXPECT_EQ(first.restore(*first.rewrite(odd, now), now), odd);
}

TEST(Srs, GoesBackOverSeveralForwarders) {
  const std::string at_first = *first.rewrite(sender, now);
  const std::string at_second = *second.rewrite({at_first, "first.example"}, now);
  EXPECT_TRUE(at_second.starts_with("SRS1="));
  EXPECT_TRUE(at_second.ends_with("=first.example=" + at_first.substr(4)));
  const std::string at_third = *third.rewrite({at_second, "second.example"}, now);
  EXPECT_TRUE(at_third.starts_with("SRS1="));
  EXPECT_EQ(at_third.size(), at_second.size());
  // Reports skip the forwarders in between.
  const SrsAddress back{at_first, "first.example"};
  EXPECT_EQ(third.restore(at_third, now), back);
  EXPECT_EQ(second.restore(at_second, now), back);
  EXPECT_EQ(first.restore(at_first, now), sender);
}

TEST(Srs, KeepsTheSeparatorOfOthers) {
  const SrsAddress other{"SRS0+Ab1+XY+example.org+ann", "first.example"};
  EXPECT_EQ(second.restore(*second.rewrite(other, now), now), other);
}

TEST(Srs, KnowsItsOwnInAnyCase) {
  std::string local = *first.rewrite({"ann", "example.org"}, now);
  for (char& c : local) c = ascii::to_lower(c);
  EXPECT_EQ(first.restore(local, now), (SrsAddress{"ann", "example.org"}));
}

TEST(Srs, RefusesWhatItDidNotMake) {
  const std::string local = *first.rewrite(sender, now);
  EXPECT_EQ(second.restore(local, now).error(), SrsFault::Forged);
  std::string other = local;
  other.back() = 'x';
  EXPECT_EQ(first.restore(other, now).error(), SrsFault::Forged);
  other = local;
  other[13] = other[13] == 'A' ? 'B' : 'A';  // the day
  EXPECT_EQ(first.restore(other, now).error(), SrsFault::Forged);
  const std::string later = *second.rewrite({local, "first.example"}, now);
  EXPECT_EQ(first.restore(later, now).error(), SrsFault::Forged);
  // A code for one form is none for the other.
  EXPECT_EQ(second.restore("SRS0" + later.substr(4), now).error(), SrsFault::Malformed);
}

TEST(Srs, Expires) {
  const std::string local = *first.rewrite(sender, now);
  EXPECT_TRUE(first.restore(local, days_later(4)));
  EXPECT_EQ(first.restore(local, days_later(5)).error(), SrsFault::Expired);
  EXPECT_EQ(first.restore(local, days_later(1'000)).error(), SrsFault::Expired);
  EXPECT_TRUE(first.restore(local, days_later(-1)));  // made by a clock that is ahead
  EXPECT_EQ(first.restore(local, days_later(-2)).error(), SrsFault::Expired);
  const Srs brief({.key = "one", .backup_key = {}, .ttl = seconds(1)}, sum);
  EXPECT_TRUE(brief.restore(local, days_later(1)));
  EXPECT_EQ(brief.restore(local, days_later(2)).error(), SrsFault::Expired);
}

TEST(Srs, TakesTheBackupKeyForWhatIsUnderWay) {
  const std::string local = *first.rewrite(sender, now);
  const Srs renewed({.key = "new", .backup_key = "one"}, sum);
  EXPECT_EQ(renewed.restore(local, now), sender);
  EXPECT_NE(renewed.rewrite(sender, now), local);
}

TEST(Srs, TellsOtherAddressesFromBrokenOnes) {
  for (const char* local : {"ann", "", "SRS0", "srs2=a=b", "SRS0x=a"})
    EXPECT_EQ(first.restore(local, now).error(), SrsFault::NotRewritten) << local;
  for (const char* local : {"SRS0=", "SRS0=a", "SRS0=a=b", "SRS0=abcdef=AA=example.org",
                            "SRS0=abcdef=AA=example.org=", "SRS0=abcdef=AA==x",
                            "SRS0=abcdef=A1=example.org=x", "SRS0=abcdef=AAA=example.org=x",
                            "SRS1=", "SRS1=a=b", "SRS1=abcdef==x", "SRS1=abcdef=first.example=x"})
    EXPECT_EQ(first.restore(local, now).error(), SrsFault::Malformed) << local;
}

TEST(Srs, RewritesAgainWhatOnlyLooksRewritten) {
  const SrsAddress odd{"SRS1=x", "example.org"};
  const auto local = first.rewrite(odd, now);
  EXPECT_TRUE(local->starts_with("SRS0="));
  EXPECT_EQ(first.restore(*local, now), odd);
}

TEST(Srs, SaysWhatBecomesTooLong) {
  EXPECT_FALSE(first.rewrite({std::string(240, 'a'), "example.org"}, now));
  EXPECT_TRUE(first.rewrite({std::string(220, 'a'), "example.org"}, now));
}

}  // namespace
}  // namespace ringpost::mail
