// What an `lmtp` action may name.
#include "engine/mta/lmtp_destination.h"

#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

TEST(LmtpDestination, HostsPortsAndSockets) {
  const auto plain = LmtpDestination::parse("localhost:24");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "localhost");
  EXPECT_EQ(plain->port, 24);
  EXPECT_FALSE(plain->socket);
  EXPECT_EQ(LmtpDestination::parse("mail.example.org")->port, 25);
  EXPECT_EQ(LmtpDestination::parse("[::1]:2424")->host, "::1");
  EXPECT_EQ(LmtpDestination::parse("[IPv6:2001:db8::1]")->host, "2001:db8::1");
  EXPECT_EQ(LmtpDestination::parse("192.0.2.1:24")->host, "192.0.2.1");
  EXPECT_TRUE(LmtpDestination::parse("/var/run/lmtp")->socket);
}

TEST(LmtpDestination, AnythingElseIsNone) {
  for (const char* text : {"", ":24", "host:", "host:0", "host:65536", "host:24x", "host:a:b",
                           "[::1", "[::1]24", "[name]:24", "[]:24"})
    EXPECT_FALSE(LmtpDestination::parse(text)) << text;
  EXPECT_FALSE(LmtpDestination::parse("/" + std::string(200, 'x')));
}

}  // namespace
}  // namespace ringpost::mta
