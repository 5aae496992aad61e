// Failure reports: who asks for them by fo=, and what is told of a message that holds anything.
#include "proto/auth/failure_report.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

struct Verdicts {
  bool dkim_aligned = false, spf_aligned = false;
  Result dkim = Result::None, spf = Result::None;
  Result dmarc = Result::Fail;
};

bool wants(std::string_view tags, const Verdicts& verdicts) {
  const auto record = parse_dmarc_record("v=DMARC1; p=none; " + std::string(tags));
  const DmarcResult dmarc{.result = verdicts.dmarc,
                          .record = record,
                          .spf_aligned = verdicts.spf_aligned,
                          .dkim_aligned = verdicts.dkim_aligned};
  const DkimResult signature{.result = verdicts.dkim};
  return wants_failure_report(dmarc, verdicts.spf, std::span(&signature, 1));
}

// RFC 7489 6.3
TEST(FailureReport, IsForThoseWhoAskForThisKindOfFailure) {
  const Verdicts nothing, one{.spf_aligned = true, .dmarc = Result::Pass};
  const Verdicts both{.dkim_aligned = true, .spf_aligned = true, .dmarc = Result::Pass};
  const Verdicts signature{.spf_aligned = true, .dkim = Result::Fail, .dmarc = Result::Pass};
  const Verdicts spf{.dkim_aligned = true, .spf = Result::SoftFail, .dmarc = Result::Pass};
  EXPECT_FALSE(wants("fo=1", nothing)) << "nobody is named";
  const std::string ruf = "ruf=mailto:f@a.test; ";
  EXPECT_TRUE(wants(ruf, nothing));
  EXPECT_FALSE(wants(ruf, one));
  EXPECT_TRUE(wants(ruf + "fo=1", one));
  EXPECT_FALSE(wants(ruf + "fo=1", both));
  EXPECT_TRUE(wants(ruf + "fo=d", signature));
  EXPECT_FALSE(wants(ruf + "fo=s", signature));
  EXPECT_TRUE(wants(ruf + "fo=s : d", spf));
  EXPECT_FALSE(wants(ruf + "fo=d", nothing)) << "there is no signature that failed";
  EXPECT_TRUE(wants(ruf + "fo=x", nothing)) << "an unknown word is none";
  EXPECT_FALSE(wants(ruf + "rf=iodef", nothing));
  EXPECT_TRUE(wants(ruf + "rf=iodef:afrf", nothing));
  EXPECT_FALSE(wants(ruf + "fo=1", {.dmarc = Result::TempError}));
}

TEST(FailureReport, TellsTheFactsAndTheHeader) {
  const FailureNote note{.received = WallTime{1'763'800'000'000'000},
                         .domain = "a.test",
                         .reverse_path = "x@b.test",
                         .client = "192.0.2.1",
                         .results = "mx.test; dmarc=fail header.from=a.test",
                         .delivery = "reject",
                         .spf_aligned = true,
                         .dkim_domain = "a.test",
                         .dkim_selector = "s",
                         .header = "From: a@a.test\r\nSubject: one\r\n\ttwo\r\n"};
  const std::string text = failure_message({.organization = "Us \"&\"",
                                            .from = "d@us.test",
                                            .to = "f@a.test",
                                            .server = "mx.us.test",
                                            .message_id = "1@us.test",
                                            .boundary = "edge",
                                            .now = WallTime{1'763'800'000'000'000}},
                                           note);
  EXPECT_TRUE(text.starts_with("From: \"Us \\\"&\\\"\" <d@us.test>\r\nTo: <f@a.test>\r\n")) << text;
  EXPECT_TRUE(text.contains("Content-Type: multipart/report; report-type=feedback-report;\r\n"));
  EXPECT_TRUE(
      text.contains("\r\n--edge\r\nContent-Type: message/feedback-report\r\n\r\n"
                    "Feedback-Type: auth-failure\r\nVersion: 1\r\nUser-Agent: Ringpost\r\n"
                    "Auth-Failure: dmarc\r\n"
                    "Authentication-Results: mx.test; dmarc=fail header.from=a.test\r\n"
                    "Original-Mail-From: <x@b.test>\r\nSource-IP: 192.0.2.1\r\n"
                    "Arrival-Date: Sat, 22 Nov 2025 08:26:40 +0000\r\n"
                    "Reporting-MTA: dns; mx.us.test\r\nReported-Domain: a.test\r\n"
                    "Delivery-Result: reject\r\nIdentity-Alignment: spf\r\n"
                    "DKIM-Domain: a.test\r\nDKIM-Selector: s\r\n"
                    "\r\n--edge\r\nContent-Type: text/rfc822-headers\r\n\r\n"
                    "From: a@a.test\r\nSubject: one\r\n\ttwo\r\n\r\n--edge--\r\n"))
      << text;
}

TEST(FailureReport, TextsOfStrangersCannotBreakIt) {
  FailureNote note{.domain = "a\r\nX: y", .reverse_path = "a>\r\n\r\nb", .results = "x\r\ny: z"};
  note.header =
      "Subject: \xc3\xa4\0b\n" + std::string(3'000, 'x') + "\r\n" + std::string(50'000, 'y');
  const std::string text =
      failure_message({.from = "d@us.test", .to = "f@a.test", .boundary = "edge"}, note);
  EXPECT_TRUE(text.contains("Subject: DMARC failure report about a??X: y\r\n"));
  EXPECT_TRUE(text.contains("Original-Mail-From: <a>????b>\r\n"));
  EXPECT_TRUE(text.contains("Subject: ??"));
  EXPECT_LT(text.size(), failure_header_octets_max + 4'000);
  std::size_t line = 0;
  for (const char c : text) {
    line = c == '\n' ? 0 : line + 1;
    ASSERT_LE(line, 999u);
    ASSERT_TRUE(c == '\r' || c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f));
  }
}

}  // namespace
}  // namespace ringpost::auth
