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

TEST(AuthResults, SaysWhoIsLoggedInWhereItMay) {
  std::string field;
  append_auth_results(field, {.service = "mx.test", .user = "alice"});
  EXPECT_EQ(field, "Authentication-Results: mx.test;\r\n\tauth=pass\r\n\t smtp.auth=alice\r\n");
  field.clear();
  append_auth_results(field, {.service = "mx.test", .user = ""});
  EXPECT_EQ(field, "Authentication-Results: mx.test;\r\n\tauth=pass\r\n");
}

TEST(AuthResults, InOneLine) {
  const SpfResult spf{.result = Result::Pass, .domain = "x.test"};
  std::string field;
  append_auth_results(field, {.service = "mx.test", .spf = &spf, .mail_from = "a  b@x.test"});
  EXPECT_EQ(in_one_line(field), "mx.test; spf=pass smtp.mailfrom=\"a  b@x.test\"");
  EXPECT_EQ(in_one_line(""), "");
}

TEST(ReceivedSpf, HasAllThatIsKnown) {
  const SpfResult spf{.result = Result::Pass, .domain = "x.test", .mechanism = "ip4:192.0.2.0/24"};
  std::string field;
  append_received_spf(
      field,
      {.spf = &spf, .mail_from = "a@x.test", .helo = "h.test", .client_address = "192.0.2.1"},
      "mx.test");
  EXPECT_EQ(field,
            "Received-SPF: pass (mx.test: x.test permits 192.0.2.1)\r\n\treceiver=mx.test;\r\n"
            "\tclient-ip=192.0.2.1;\r\n\tenvelope-from=\"a@x.test\";\r\n\thelo=h.test;\r\n"
            "\tidentity=mailfrom;\r\n\tmechanism=\"ip4:192.0.2.0/24\"\r\n");
}

TEST(ReceivedSpf, OfABounceAndOfAnError) {
  const SpfResult spf{.result = Result::PermError,
                      .identity = SpfIdentity::Helo,
                      .domain = "h.test",
                      .problem = "two records"};
  std::string field;
  append_received_spf(field, {.spf = &spf, .helo = "h..test", .client_address = "2001:db8::1"},
                      "mx.test");
  EXPECT_EQ(field,
            "Received-SPF: permerror (mx.test: h.test could not be asked about 2001:db8::1)\r\n"
            "\treceiver=mx.test;\r\n\tclient-ip=\"2001:db8::1\";\r\n\thelo=\"h..test\";\r\n"
            "\tidentity=helo;\r\n\tproblem=\"two records\"\r\n");
}

TEST(ReceivedSpf, CannotBeForgedFromOutside) {
  const SpfResult spf{.result = Result::Fail, .domain = "x.test) pass (", .problem = "\r\nBcc: a"};
  std::string field;
  append_received_spf(
      field, {.spf = &spf, .mail_from = "a\"; identity=x\r\n@y", .client_address = "192.0.2.1"},
      "mx.test");
  EXPECT_EQ(field,
            "Received-SPF: fail (mx.test: x.test? pass ? does not permit 192.0.2.1)\r\n"
            "\treceiver=mx.test;\r\n\tclient-ip=192.0.2.1;\r\n"
            "\tenvelope-from=\"a\\\"; identity=x??@y\";\r\n\tidentity=mailfrom;\r\n"
            "\tproblem=\"??Bcc: a\"\r\n");
}

}  // namespace
}  // namespace ringpost::auth
