// Names of hosts(5).
#include "proto/dns/host_file.h"

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

std::string find(const HostFile& file, std::string_view name) {
  const auto* addresses = file.find(Name::parse(name).value());
  if (addresses == nullptr) return "ask";
  std::string result;
  for (const conf::NetAddress& address : *addresses) result += conf::to_text(address) + " ";
  return result;
}

TEST(HostFile, NamesAndAliasesOfAllLines) {
  const HostFile file = HostFile::parse(
      "# by hand\n192.0.2.1\tMail.Example.Org mail\r\n"
      "2001:db8::1   mail.example.org # and more.example\n"
      "192.0.2.1 mail\n"
      "nonsense other\nfe80::1%eth0 scoped\n192.0.2.9\n192.0.2.2 last a..b");
  EXPECT_EQ(find(file, "mail.example.org"), "192.0.2.1 2001:db8::1 ");
  EXPECT_EQ(find(file, "MAIL"), "192.0.2.1 ");
  EXPECT_EQ(find(file, "last"), "192.0.2.2 ");
  for (const char* name : {"more.example", "other", "scoped", "example.org"})
    EXPECT_EQ(find(file, name), "ask") << name;
}

TEST(HostFile, LocalhostNeedsNoLine) {
  EXPECT_EQ(find({}, "localhost"), "::1 127.0.0.1 ");
  EXPECT_EQ(find({}, "imap.LocalHost."), "::1 127.0.0.1 ");
  EXPECT_EQ(find({}, "notlocalhost"), "ask");
  EXPECT_EQ(find(HostFile::parse("127.0.0.5 localhost\n"), "localhost"), "127.0.0.5 ");
}

}  // namespace
}  // namespace ringpost::dns
