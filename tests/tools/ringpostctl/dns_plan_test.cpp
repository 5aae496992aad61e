// What a hosted domain needs in the DNS, and every way in which what is published can be wrong.
#include "tools/ringpostctl/dns_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/proto/auth/zone.h"

namespace ringpost::ctl {
namespace {

const std::string key_text = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const std::string other_key = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR4=";

DnsPlan plan() {
  return {.host = "mail.host.test",
          .addresses = {conf::parse_net_address("192.0.2.1").value(),
                        conf::parse_net_address("2001:db8::1").value()},
          .keys = {{"s1", key_text}},
          .reports = ""};
}

auth::Zone host_zone() {
  auth::Zone zone;
  zone.address("mail.host.test", "192.0.2.1").address("mail.host.test", "2001:db8::1");
  zone.ptr("1.2.0.192.in-addr.arpa", "mail.host.test");
  zone.ptr(dns::Name::reverse_of(plan().addresses[1]).text(), "mail.host.test");
  return zone;
}

auth::Zone good_zone() {
  auth::Zone zone = host_zone();
  zone.mx("a.test", 10, "mail.host.test").txt("a.test", "v=spf1 mx -all");
  zone.txt("s1._domainkey.a.test", key_text).txt("_dmarc.a.test", "v=DMARC1; p=reject");
  return zone;
}

std::vector<std::string> complaints(const auth::Zone& zone, const std::string& domain = "a.test") {
  const DnsPlan wanted = plan();
  return zone.run([&](auth::DnsMemo& memo) { return check_zone(wanted, domain, memo); });
}

bool complains(const auth::Zone& zone, const std::string& sentence) {
  const auto all = complaints(zone);
  return std::ranges::find(all, sentence) != all.end();
}

TEST(DnsPlan, LinesOfAZoneFile) {
  EXPECT_EQ(zone_lines({.host = "mail.host.test",
                        .addresses = plan().addresses,
                        .keys = {},
                        .reports = "r@host.test"},
                       "a.test"),
            "a.test. IN MX 10 mail.host.test.\n"
            "mail.host.test. IN A 192.0.2.1\n"
            "mail.host.test. IN AAAA 2001:db8::1\n"
            "a.test. IN TXT \"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all\"\n"
            "_dmarc.a.test. IN TXT \"v=DMARC1; p=quarantine; rua=mailto:r@host.test\"\n"
            "1.2.0.192.in-addr.arpa. IN PTR mail.host.test.\n"
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. IN PTR "
            "mail.host.test.\n");
  EXPECT_NE(zone_lines(plan(), "a.test").find("s1._domainkey.a.test."), std::string::npos);
}

TEST(DnsPlan, WhatIsRightIsNotMentioned) {
  EXPECT_EQ(complaints(good_zone()), std::vector<std::string>{});
}

TEST(DnsPlan, KeysOfOneDomainBesidesThoseOfAll) {
  DnsPlan wanted = plan();
  wanted.keys_of["a.test"] = {{"own", other_key}};
  const std::string lines = zone_lines(wanted, "a.test");
  EXPECT_TRUE(lines.contains("s1._domainkey.a.test.")) << lines;
  EXPECT_TRUE(lines.contains("own._domainkey.a.test. IN TXT \"" + other_key + "\"")) << lines;
  EXPECT_FALSE(zone_lines(wanted, "b.test").contains("own._domainkey"));
  const auto look = [&](const auth::Zone& zone) {
    return zone.run([&](auth::DnsMemo& memo) { return check_zone(wanted, "a.test", memo); });
  };
  EXPECT_EQ(look(good_zone()).size(), 1U);
  auth::Zone complete = good_zone();
  complete.txt("own._domainkey.a.test", other_key);
  EXPECT_TRUE(look(complete).empty());
}

TEST(DnsPlan, NothingIsPublished) {
  EXPECT_EQ(complaints(auth::Zone().address("a.test", "203.0.113.1")),
            (std::vector<std::string>{
                "there is no MX record: add one that names mail.host.test",
                "mail.host.test does not lead to 192.0.2.1: its A record is missing",
                "mail.host.test does not lead to 2001:db8::1: its AAAA record is missing",
                "there is no SPF record that lets 192.0.2.1 send",
                "there is no SPF record that lets 2001:db8::1 send",
                "no DKIM key is published at s1._domainkey.a.test",
                "there is no DMARC record at _dmarc.a.test",
                "192.0.2.1 has no PTR record: many servers refuse its mail",
                "2001:db8::1 has no PTR record: many servers refuse its mail"}));
  EXPECT_EQ(complaints(host_zone())[0],
            "the domain does not exist: it is not registered or not delegated");
}

TEST(DnsPlan, WhatIsPublishedIsWrong) {
  auth::Zone zone = host_zone();
  zone.mx("a.test", 10, "mail.other.test").txt("a.test", "v=spf1 ip4:192.0.2.1 ~all");
  zone.txt("s1._domainkey.a.test", other_key).txt("_dmarc.a.test", "v=DMARC1; p=none");
  EXPECT_EQ(complaints(zone),
            (std::vector<std::string>{
                "no MX record names mail.host.test: mail for the domain goes elsewhere",
                "SPF does not let 2001:db8::1 send: the result is softfail, by \"~all\"",
                "the DKIM key published at s1._domainkey.a.test is not the one of the key file",
                "the DMARC record at _dmarc.a.test asks for nothing, not even for reports"}));
  auth::Zone twice = good_zone();
  twice.txt("_dmarc.a.test", "v=DMARC1; p=none").txt("a.test", "v=spf1 +all");
  EXPECT_TRUE(
      complains(twice, "there are several DMARC records at _dmarc.a.test: none of them counts"));
  EXPECT_TRUE(complains(twice,
                        "SPF is permerror for mail from 192.0.2.1: a.test has more than "
                        "one SPF record"));
}

TEST(DnsPlan, WhatCannotBeAskedForIsSaid) {
  auth::Zone zone = host_zone();
  zone.silent("a.test");
  EXPECT_TRUE(complains(zone, "the mail exchangers of a.test could not be asked for: timeout"));
}

TEST(DnsPlan, WhatIsNoDomainIsNotAskedFor) {
  EXPECT_EQ(complaints({}, "localhost"), std::vector<std::string>{"this is no domain name"});
  EXPECT_EQ(complaints({}, "a..b"), std::vector<std::string>{"this is no domain name"});
}

}  // namespace
}  // namespace ringpost::ctl
