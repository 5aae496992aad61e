// Aggregate reports: what becomes one row, what stands in the XML and in the message around it.
#include "proto/auth/dmarc_report.h"

#include <gtest/gtest.h>

#include "proto/base/base64.h"

namespace ringpost::auth {
namespace {

DmarcRow row_of(std::string source) {
  return {.second = 100,
          .published = {.domain = "example.com",
                        .policy = DmarcPolicy::Reject,
                        .subdomain_policy = DmarcPolicy::Quarantine,
                        .strict_dkim = true,
                        .percent = 50,
                        .failure_options = "1"},
          .source = std::move(source),
          .disposition = DmarcPolicy::None,
          .reason = PolicyOverride::SampledOut,
          .spf_aligned = true,
          .header_from = "mail.example.com",
          .envelope_from = "bounce.example.com",
          .spf_domain = "bounce.example.com",
          .spf = Result::Pass,
          .signatures = {{"example.com", "s1", Result::Fail}}};
}

constexpr ReportFrame frame{.organization = "Tom & \"Jerry\"",
                            .from = "dmarc@receiver.example",
                            .report_id = "1-2",
                            .submitter = "receiver.example",
                            .begin = 86'400,
                            .end = 172'799};

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(DmarcReport, EqualRowsBecomeOneWithACount) {
  DmarcAggregate aggregate;
  for (int i = 0; i < 3; ++i) aggregate.add(row_of("192.0.2.1"));
  aggregate.add(row_of("192.0.2.2"));
  EXPECT_EQ(aggregate.rows(), 2u);
  EXPECT_EQ(aggregate.messages(), 4u);
  const std::string xml = report_xml(frame, aggregate, 1 << 20);
  EXPECT_EQ(count_of(xml, "<record>"), 2u);
  EXPECT_TRUE(xml.contains("<source_ip>192.0.2.1</source_ip>\n<count>3</count>"));
  EXPECT_TRUE(xml.contains("<source_ip>192.0.2.2</source_ip>\n<count>1</count>"));
  for (const char* part :
       {"<org_name>Tom &amp; \"Jerry\"</org_name>", "<begin>86400</begin>", "<end>172799</end>",
        "<adkim>s</adkim>", "<aspf>r</aspf>", "<p>reject</p>", "<sp>quarantine</sp>",
        "<pct>50</pct>", "<fo>1</fo>", "<type>sampled_out</type>", "<dkim>fail</dkim>",
        "<spf>pass</spf>", "<scope>mfrom</scope>", "<selector>s1</selector>",
        "<header_from>mail.example.com</header_from>",
        "<envelope_from>bounce.example.com</envelope_from>"})
    EXPECT_TRUE(xml.contains(part)) << part;
}

TEST(DmarcReport, TheLatestPolicyIsReported) {
  DmarcAggregate aggregate;
  aggregate.add(row_of("192.0.2.1"));
  DmarcRow later = row_of("192.0.2.1");
  later.second = 200;
  later.published.policy = DmarcPolicy::None;
  aggregate.add(later);
  DmarcRow earlier = row_of("192.0.2.1");
  earlier.second = 50;
  aggregate.add(earlier);
  EXPECT_EQ(aggregate.published().policy, DmarcPolicy::None);
  EXPECT_EQ(aggregate.rows(), 1u);
}

TEST(DmarcReport, TextOfStrangersCannotLeaveItsElement) {
  DmarcAggregate aggregate;
  DmarcRow row = row_of("192.0.2.1");
  row.header_from = "a</header_from><x>&\x01\x02\xff";
  aggregate.add(row);
  const std::string xml = report_xml(frame, aggregate, 1 << 20);
  EXPECT_TRUE(xml.contains("<header_from>a&lt;/header_from&gt;&lt;x&gt;&amp;?\?\?</header_from>"));
  EXPECT_TRUE(xml.contains("<count>1</count>"));
}

TEST(DmarcReport, RowsAndOctetsAreBounded) {
  DmarcAggregate aggregate(2);
  for (const char* source : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"})
    aggregate.add(row_of(source));
  EXPECT_EQ(aggregate.rows(), 2u);
  EXPECT_EQ(aggregate.left_out(), 1u);
  EXPECT_TRUE(report_xml(frame, aggregate, 1 << 20).contains("<error>1 messages are left out"));
  const std::string small = report_xml(frame, aggregate, 1000);
  EXPECT_EQ(count_of(small, "<record>"), 1u);
  EXPECT_TRUE(small.contains("<error>2 messages") || small.contains("<error>3 messages"));
}

// Names in signatures are long and different, when a stranger wants them to be.
TEST(DmarcReport, RowsAreBoundedByTheirOctetsAsWell) {
  DmarcAggregate aggregate(1000, 20'000);
  for (int i = 0; i < 100; ++i) {
    DmarcRow row = row_of("192.0.2.1");
    row.signatures.assign(10, {std::string(250, 'd'), std::to_string(i), Result::PermError});
    aggregate.add(row);
  }
  EXPECT_GT(aggregate.rows(), 1u);
  EXPECT_LT(aggregate.rows(), 10u);
  EXPECT_EQ(aggregate.rows() + aggregate.left_out(), 100u);
}

TEST(DmarcReport, ReportsAloneAreNotWorthAReport) {
  DmarcAggregate aggregate;
  EXPECT_FALSE(aggregate.is_worth_telling());
  DmarcRow row = row_of("192.0.2.1");
  row.is_report = true;
  aggregate.add(row);
  EXPECT_FALSE(aggregate.is_worth_telling());
  aggregate.add(row_of("192.0.2.1"));
  EXPECT_TRUE(aggregate.is_worth_telling());
}

TEST(DmarcReport, TheMessageHasItsNameAndTheFile) {
  const std::string compressed(100, '\xfe');
  EXPECT_EQ(report_file_name(frame, "Example.com/.."),
            "receiver.example!example.com_..!86400!172799.xml.gz");
  const std::string text =
      report_message(frame, "example.com", "rua@example.com", "m@r", "b0", WallTime{0}, compressed);
  EXPECT_TRUE(text.contains("From: \"Tom & \\\"Jerry\\\"\" <dmarc@receiver.example>\r\n"));
  EXPECT_TRUE(text.contains("To: <rua@example.com>\r\n"));
  EXPECT_TRUE(
      text.contains("Subject: Report Domain: example.com\r\n Submitter: receiver.example\r\n"
                    " Report-ID: <1-2>\r\n"));
  EXPECT_TRUE(text.contains("Content-Type: application/gzip;"));
  const std::string encoded = base64_encode(compressed);
  EXPECT_TRUE(text.contains("\r\n\r\n" + encoded.substr(0, 76) + "\r\n" + encoded.substr(76) +
                            "\r\n\r\n--b0--\r\n"));
  EXPECT_EQ(count_of(text, "\n"), count_of(text, "\r\n"));
}

TEST(DmarcReport, NothingEndsAFieldOfTheMessage) {
  const std::string text =
      report_message(frame, "a\r\nBcc: x", "b\r\nCc: y", "m@r", "b0", WallTime{0}, "x");
  EXPECT_FALSE(text.contains("\nBcc") || text.contains("\nCc"));
}

// A domain in From may be a quoted string, and a wildcard of its owner publishes a policy for it.
TEST(DmarcReport, ADomainCannotEndTheIdentifier) {
  ReportFrame hostile = frame;
  hostile.report_id = "\"a> <b\x01\xff\".example-1-2";
  const std::string text =
      report_message(hostile, "x", "rua@example.com", "m@r", "b0", WallTime{0}, "x");
  EXPECT_TRUE(text.contains("Report-ID: <_a___b___.example-1-2>\r\n")) << text;
  DmarcAggregate aggregate;
  aggregate.add(row_of("192.0.2.1"));
  EXPECT_TRUE(report_xml(hostile, aggregate, 1 << 20)
                  .contains("<report_id>_a___b___.example-1-2</report_id>"));
}

TEST(DmarcReport, SubjectsOfReportsAreKnown) {
  EXPECT_TRUE(is_report_subject(" report domain: example.com Submitter: x Report-ID: <1>"));
  EXPECT_FALSE(is_report_subject("Re: Report Domain: example.com"));
  EXPECT_FALSE(is_report_subject(""));
}

}  // namespace
}  // namespace ringpost::auth
