// Source addresses against the kernel's own view of loopback.
#include "engine/net/source_address.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/net/listener.h"

namespace ringpost::net {
namespace {

TEST(SourceAddress, ASocketIsBoundWithoutAPort) {
  const auto file = socket_from(*Address::parse("127.0.0.5", 0));
  ASSERT_TRUE(file) << to_text(file.error());
  EXPECT_EQ(bound_address(*file)->to_text(), "127.0.0.5:0");
  close(*file);
}

TEST(SourceAddress, AnAddressThatIsNotOursIsNamed) {
  const auto file = socket_from(*Address::parse("192.0.2.1", 0));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, EADDRNOTAVAIL);
  EXPECT_EQ(file.error().path, "192.0.2.1");
}

TEST(SourceAddress, TheKernelSaysFromWhereItWouldConnect) {
  const auto source = source_toward(*Address::parse("127.0.0.9", 25));
  ASSERT_TRUE(source);
  EXPECT_EQ(source->host(), "127.0.0.1");
  EXPECT_EQ(source->port(), 0);
  EXPECT_FALSE(source_toward(*Address::parse("255.255.255.255", 25)));
}

}  // namespace
}  // namespace ringpost::net
