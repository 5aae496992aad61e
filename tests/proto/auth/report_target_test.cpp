// URIs of rua, and who has agreed to get reports about others.
#include "proto/auth/report_target.h"

#include <gtest/gtest.h>

#include "tests/proto/auth/zone.h"

namespace ringpost::auth {
namespace {

using Kind = ReportPermission::Kind;

class TwoLabels final : public SuffixList {
 public:
  std::string registrable(std::string_view domain) const override {
    const std::size_t last = domain.rfind('.');
    if (last == std::string_view::npos) return "";
    const std::size_t before = last == 0 ? std::string_view::npos : domain.rfind('.', last - 1);
    return std::string(before == std::string_view::npos ? domain : domain.substr(before + 1));
  }
};

ReportPermission ask(const Zone& zone, const std::string& domain, const std::string& host) {
  const TwoLabels suffixes;
  return zone.run(
      [&](DnsMemo& memo) { return evaluate_report_permission(domain, host, &suffixes, memo); });
}

TEST(ReportTarget, IsReadFromItsUri) {
  EXPECT_EQ(parse_report_target("mailto:rua@Example.com"),
            (ReportTarget{"rua@example.com", "example.com", 0}));
  EXPECT_EQ(parse_report_target("MAILTO:rua@example.com!10m")->octets_max, 10u << 20);
  EXPECT_EQ(parse_report_target("mailto:rua@example.com!5")->octets_max, 5u);
  EXPECT_EQ(parse_report_target("mailto:rua@example.com!2K")->octets_max, 2048u);
  EXPECT_EQ(parse_report_target("mailto:r%75a@example.com?subject=x")->address, "rua@example.com");
}

TEST(ReportTarget, WhatIsNoneIsRefused) {
  for (const char* uri :
       {"https://example.com/", "mailto:", "mailto:rua", "mailto:a@b@c!", "mailto:a@example.com!m",
        "mailto:a@example.com!0", "mailto:a@example.com!99999999999t", "mailto:a%0d%0a@example.com",
        "mailto:a%zz@example.com", "mailto:a%4", "mailto:a@[192.0.2.1]", "mailto:a@example.com!10x",
        "mailto:\xc3\xa4@example.com"})
    EXPECT_EQ(parse_report_target(uri), std::nullopt) << uri;
}

TEST(ReportTarget, OneOrganizationNeedsNoPermission) {
  const Zone zone;
  EXPECT_EQ(ask(zone, "example.com", "example.com").kind, Kind::Permitted);
  EXPECT_EQ(ask(zone, "a.example.com", "reports.example.com").kind, Kind::Permitted);
}

TEST(ReportTarget, OthersHaveToPermitIt) {
  Zone zone;
  zone.txt("example.com._report._dmarc.good.net", "v=DMARC1");
  zone.txt("example.com._report._dmarc.odd.net", "v=spf1 -all");
  EXPECT_EQ(ask(zone, "example.com", "good.net").kind, Kind::Permitted);
  EXPECT_EQ(ask(zone, "example.org", "good.net").kind, Kind::Refused);
  EXPECT_EQ(ask(zone, "example.com", "odd.net").kind, Kind::Refused);
}

TEST(ReportTarget, ADestinationMayNameOtherAddressesOfItsHost) {
  Zone zone;
  zone.txt("example.com._report._dmarc.good.net",
           "v=DMARC1; rua=mailto:other@good.net,mailto:x@elsewhere.net");
  const ReportPermission permission = ask(zone, "example.com", "good.net");
  EXPECT_EQ(permission.kind, Kind::Permitted);
  ASSERT_EQ(permission.instead.size(), 1u);
  EXPECT_EQ(permission.instead[0].address, "other@good.net");
}

}  // namespace
}  // namespace ringpost::auth
