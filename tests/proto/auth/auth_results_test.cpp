// What is written down of a message, in the words of RFC 8601.
#include "proto/auth/auth_results.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

TEST(AuthResults, SaysWhatWasFoundOut) {
  const SpfResult spf{.result = Result::Pass, .domain = "x.test"};
  const DkimResult dkim[] = {{.result = Result::Pass,
                              .domain = "x.test",
                              .selector = "s1",
                              .algorithm = "rsa-sha256",
                              .start = "AbC/+12="},
                             {.result = Result::Fail, .domain = "y.test", .reason = "bad (body)"}};
  DmarcResult dmarc;
  dmarc.result = Result::Fail;
  dmarc.domain = "y.test";
  dmarc.policy = DmarcPolicy::Reject;
  const ArcResult arc;
  std::string field;
  append_auth_results(field, {.service = "mx.test",
                              .spf = &spf,
                              .mail_from = "a@x.test",
                              .helo = "h.test",
                              .dkim = dkim,
                              .dmarc = &dmarc,
                              .disposition = "none",
                              .arc = &arc,
                              .client_name = Result::Pass,
                              .client_address = "192.0.2.1"});
  EXPECT_EQ(field,
            "Authentication-Results: mx.test;\r\n"
            "\tiprev=pass\r\n\t policy.iprev=192.0.2.1;\r\n"
            "\tspf=pass\r\n\t smtp.mailfrom=a@x.test;\r\n"
            "\tdkim=pass\r\n\t header.d=x.test\r\n\t header.s=s1\r\n\t header.a=rsa-sha256\r\n"
            "\t header.b=\"AbC/+12=\";\r\n"
            "\tdkim=fail (bad ?body?)\r\n\t header.d=y.test;\r\n"
            "\tdmarc=fail (p=reject dis=none)\r\n\t header.from=y.test;\r\n"
            "\tarc=none\r\n");
}

TEST(AuthResults, OfNothingIsNone) {
  std::string field;
  append_auth_results(field, {.service = "mx.test"});
  EXPECT_EQ(field, "Authentication-Results: mx.test; none\r\n");
  field.clear();
  append_auth_results(field, {.service = "mx.test", .dkim = std::span<const DkimResult>()});
  EXPECT_EQ(field, "Authentication-Results: mx.test;\r\n\tdkim=none\r\n");
}

TEST(AuthResults, NamesTheIdentityThatSpfLookedAt) {
  const SpfResult spf{.result = Result::SoftFail, .identity = SpfIdentity::Helo};
  std::string field;
  append_auth_results(field, {.service = "mx.test", .spf = &spf, .helo = "h.test"});
  EXPECT_NE(field.find("spf=softfail\r\n\t smtp.helo=h.test"), std::string::npos);
}

TEST(AuthResults, TellsOfSomeSignatures) {
  const std::vector<DkimResult> many(30'000, {.result = Result::PermError, .reason = "no"});
  std::string field;
  append_auth_results(field, {.service = "mx.test", .dkim = std::span(many)});
  std::size_t told = 0;
  for (std::size_t at = 0; (at = field.find("dkim=", at)) != field.npos; ++at) ++told;
  EXPECT_EQ(told, told_signatures_max);
}

TEST(AuthResults, CannotBeForgedFromOutside) {
  const SpfResult spf{.result = Result::Fail, .problem = "x)\r\nBcc: a"};
  std::string field;
  append_auth_results(
      field, {.service = "mx.test", .spf = &spf, .mail_from = "a\"; dkim=pass\r\nSubject: x@y"});
  EXPECT_EQ(field,
            "Authentication-Results: mx.test;\r\n\tspf=fail (x???Bcc: a)\r\n"
            "\t smtp.mailfrom=\"a\\\"; dkim=pass??Subject: x@y\"\r\n");
  const std::string long_name(5'000, 'a');
  field.clear();
  append_auth_results(field, {.service = "mx.test", .spf = &spf, .mail_from = long_name});
  EXPECT_LT(field.size(), 700u);
}

}  // namespace
}  // namespace ringpost::auth
