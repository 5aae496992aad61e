// Ticket keys: which are known, and for how long.
#include "engine/tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace ringpost::tls {
namespace {

TEST(TicketKeys, AreKnownForTwoRotations) {
  TicketKeys keys;
  const TicketKeys::Key first = keys.current();
  for (int rotations = 0; rotations < 4; ++rotations) {
    TicketKeys::Key found;
    bool old = false;
    EXPECT_EQ(keys.find(first.name.data(), found, old), rotations < 3) << rotations;
    if (rotations < 3) {
      EXPECT_EQ(found.mac, first.mac);
      EXPECT_EQ(old, rotations > 0);
    }
    keys.rotate();
  }
}

TEST(TicketKeys, AreNobodyElses) {
  const TicketKeys one, other;
  EXPECT_NE(one.current().cipher, other.current().cipher);
  TicketKeys::Key found;
  bool old = false;
  EXPECT_FALSE(one.find(other.current().name.data(), found, old));
  const std::uint8_t nothing[16]{};
  EXPECT_FALSE(one.find(nothing, found, old));
}

}  // namespace
}  // namespace ringpost::tls
