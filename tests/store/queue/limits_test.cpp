// `mta limit` as limits of destinations.
#include "store/queue/limits.h"

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

conf::NamedLimit limit(std::string domain, std::string key, std::int64_t value) {
  return {std::move(domain), std::move(key), value};
}

TEST(Limits, AreTheDefaultsWhenNothingIsSaid) {
  const LimitsTable table = limits_of({});
  ASSERT_EQ(table.limits.size(), 1u);
  EXPECT_EQ(table.limits[0].connections_max, DestinationLimits{}.connections_max);
  EXPECT_EQ(table.number_of("example.org"), 0);
}

TEST(Limits, OfADomainCountMore) {
  conf::MtaSettings settings;
  settings.limits = {limit("Slow.example", "max-conn-per-domain", 2),
                     limit("", "max-conn-per-domain", 30),
                     limit("", "session-mail-max", 7),
                     limit("slow.example", "conn-delay-domain", 5),
                     limit("other.example", "session-mail-max", 9),
                     limit("other.example", "session-mail-max", 8)};
  const LimitsTable table = limits_of(settings);
  ASSERT_EQ(table.limits.size(), 3u);
  EXPECT_EQ(table.limits[0].connections_max, 30);
  EXPECT_EQ(table.limits[0].transactions_per_connection, 7);
  EXPECT_EQ(table.limits[0].connection_interval, Duration{});
  const DestinationLimits& slow = table.limits[table.number_of("slow.example")];
  EXPECT_EQ(slow.connections_max, 2);
  EXPECT_EQ(slow.connections_initial, 2);
  EXPECT_EQ(slow.transactions_per_connection, 7);
  EXPECT_EQ(slow.connection_interval, seconds(5));
  const DestinationLimits& other = table.limits[table.number_of("other.example")];
  EXPECT_EQ(other.connections_max, 30);
  EXPECT_EQ(other.transactions_per_connection, 8);
}

TEST(Limits, TakeTheStricterOfRelayAndDomain) {
  conf::MtaSettings settings;
  settings.limits = {limit("", "max-conn-per-domain", 30), limit("", "max-conn-per-relay", 20),
                     limit("", "conn-delay-relay", 2), limit("", "conn-delay-domain", 1)};
  const DestinationLimits limits = limits_of(settings).limits[0];
  EXPECT_EQ(limits.connections_max, 20);
  EXPECT_EQ(limits.connection_interval, seconds(2));
  settings.limits = {limit("", "max-conn-per-relay", 500)};
  EXPECT_EQ(limits_of(settings).limits[0].connections_max, 500);
}

TEST(Limits, BecomePossibleOnes) {
  conf::MtaSettings settings;
  settings.limits = {limit("", "max-conn-per-domain", 0), limit("", "session-mail-max", -3),
                     limit("", "conn-delay-domain", 1'000'000'000'000),
                     limit("a.example", "max-conn-per-domain", 1'000'000)};
  const LimitsTable table = limits_of(settings);
  EXPECT_EQ(table.limits[0].connections_max, 1);
  EXPECT_EQ(table.limits[0].transactions_per_connection, 1);
  EXPECT_EQ(table.limits[0].connection_interval, seconds(86'400));
  EXPECT_EQ(table.limits[1].connections_max, 60'000);
}

}  // namespace
}  // namespace ringpost::store
