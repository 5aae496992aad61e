// Delivery reports: the golden ones of tests/golden/report, who gets them, and what cannot break
// them.
#include "proto/dsn/report.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/base/ascii.h"
#include "proto/mail/split_message.h"

namespace ringpost::dsn {
namespace {

constexpr WallTime received{1'763'856'000'000'000};
constexpr std::string_view original =
    "From: Ann <ann@example.org>\r\nTo: bob@example.com\r\nSubject: Plans\r\n\r\n"
    "Here they are.\r\n";

const Frame frame{.server_name = "mail.example.org",
                  .message_id = "report-1@mail.example.org",
                  .boundary = "rp-0123456789abcdef",
                  .now = received + seconds(345'600)};
const ReportedMessage message{.id = QueueId{0x0100063f8a2b3c4d},
                              .sender = "ann@example.org",
                              .envelope_id = {},
                              .received_from = "client.example.org",
                              .received = received};

std::string with_lf(std::string text) {
  std::erase(text, '\r');
  return text;
}

// RINGPOST_WRITE_GOLDEN=1 in the environment writes what is made now, to be read and committed.
void expect_golden(const std::string& name, const Report& report, std::string_view returned) {
  const std::string path = std::string(RINGPOST_SOURCE_DIR) + "/tests/golden/report/" + name;
  const std::string made = with_lf(report.before + std::string(returned) + report.after);
  if (std::getenv("RINGPOST_WRITE_GOLDEN") != nullptr) std::ofstream(path) << made;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(made, golden) << path;
}

std::string_view header_of(std::string_view content) {
  return content.substr(0, content.find("\r\n\r\n") + 4);
}

TEST(Report, TellsOfAFailure) {
  const std::vector<ReportedRecipient> recipients{
      {.address = "bob@example.com",
       .original = "rfc822;Bob+2Bplans@example.com",
       .status = {5, 1, 1},
       .server = "mx.example.com",
       .diagnostic = "550-5.1.1 bob@example.com: Recipient address rejected\n"
                     "550 5.1.1 User unknown in virtual mailbox table",
       .last_attempt = received + seconds(3)}};
  ReportedMessage with_id = message;
  with_id.envelope_id = "QQ314159+2Bx";
  const Report report = compose(with_id, recipients, Returned::Full, frame);
  EXPECT_FALSE(report.smtputf8);
  EXPECT_EQ(report.body, Body::SevenBit);
  expect_golden("failure.eml", report, original);
}

TEST(Report, TellsOfADelay) {
  const std::vector<ReportedRecipient> recipients{
      {.action = Action::Delayed,
       .address = "bob@example.com",
       .status = {4, 4, 1},
       .diagnostic = "connection to 192.0.2.25 timed out",
       .last_attempt = received + seconds(14'000),
       .retry_until = received + seconds(345'600)},
      {.action = Action::Delayed,
       .address = "carol@example.net",
       .status = {4, 2, 2},
       .server = "mx.example.net",
       .diagnostic = "452 4.2.2 Over quota",
       .last_attempt = received + seconds(13'000),
       .retry_until = received + seconds(345'600)}};
  expect_golden("delay.eml", compose(message, recipients, Returned::Headers, frame),
                header_of(original));
}

TEST(Report, TellsOfSuccessAndOfWhatIsPassedOn) {
  const std::vector<ReportedRecipient> recipients{
      {.action = Action::Delivered, .address = "bob@example.org", .last_attempt = received},
      {.action = Action::Relayed,
       .address = "carol@example.net",
       .server = "mx.example.net",
       .diagnostic = "250 2.0.0 Ok",
       .last_attempt = received},
      {.action = Action::Expanded, .address = "team@example.org", .last_attempt = received}};
  expect_golden("success.eml", compose(message, recipients, Returned::Headers, frame),
                header_of(original));
}

TEST(Report, NamesTheLastObstacleOfWhatIsGivenUp) {
  const std::vector<ReportedRecipient> recipients{
      {.address = "bob@example.com",
       .final_address = "bob@mailbox.example.com",
       .status = {4, 4, 1},
       .diagnostic = "connection to 192.0.2.25 timed out",
       .last_attempt = received + seconds(345'000)},
      {.address = "carol@example.com", .status = {5, 7, 1}, .last_attempt = received}};
  expect_golden("given_up.eml", compose(message, recipients, Returned::Full, frame), original);
}

// RFC 6533
TEST(Report, KeepsAddressesBeyondAscii) {
  const std::vector<ReportedRecipient> recipients{
      {.address = "jörg@exämple.com",
       .original = "utf-8;j\\x{F6}rg@ex\xc3\xa4mple.com",
       .status = {5, 1, 1},
       .server = "mx.example.com",
       .diagnostic = "550 5.1.1 jörg ist unbekannt",
       .last_attempt = received}};
  ReportedMessage international = message;
  international.sender = "änne@example.org";
  international.smtputf8 = true;
  international.body = Body::EightBitMime;
  const Report report = compose(international, recipients, Returned::Full, frame);
  EXPECT_TRUE(report.smtputf8);
  EXPECT_EQ(report.body, Body::EightBitMime);
  expect_golden("international.eml", report,
                "From: Änne <änne@example.org>\r\nSubject: Größe\r\n\r\nGroß.\r\n");
}

TEST(Report, WritesAddressesBeyondAsciiInAsciiForOthers) {
  const std::vector<ReportedRecipient> recipients{{.address = "team@example.org",
                                                   .final_address = "jörg+x@example.com",
                                                   .original = "utf-8;a\\x{2B}\\x{1F600}b",
                                                   .status = {5, 6, 7},
                                                   .diagnostic = "größer",
                                                   .last_attempt = received}};
  const Report report = compose(message, recipients, Returned::Headers, frame);
  EXPECT_FALSE(report.smtputf8);
  EXPECT_EQ(report.body, Body::SevenBit);
  EXPECT_TRUE(std::ranges::none_of(report.before, ascii::is_high));
  EXPECT_TRUE(report.before.contains("Final-Recipient: utf-8; j\\x{F6}rg\\x{2B}x@example.com\r\n"));
  EXPECT_TRUE(report.before.contains("Original-Recipient: utf-8; a\\x{2B}\\x{1F600}b\r\n"));
  EXPECT_TRUE(report.before.contains("Diagnostic-Code: X-Ringpost; gr????er\r\n"));
}

TEST(Report, CannotBeBrokenByWhatServersAndClientsSay) {
  const std::string evil = "x\r\n--rp-0123456789abcdef--\r\nX-Evil: 1\r\n\r\n\x01\x80";
  const std::string diagnostic =
      "550 " + std::string(4'000, 'w') + "\n--rp-0123456789abcdef--\n" + evil;
  const std::vector<ReportedRecipient> recipients{{.address = evil,
                                                   .final_address = evil,
                                                   .original = "rfc822;a+0D+0AX-Evil:+201",
                                                   .server = evil,
                                                   .diagnostic = diagnostic}};
  ReportedMessage odd = message;
  odd.sender = evil;
  odd.envelope_id = "+0D+0AX-Evil:1";
  odd.received_from = evil;
  const Report report = compose(odd, recipients, Returned::Headers, frame);
  std::size_t boundaries = 0;
  std::string_view left = report.before;
  while (!left.empty()) {
    const std::size_t end = left.find("\r\n");
    ASSERT_NE(end, left.npos);
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(end + 2);
    EXPECT_LE(line.size(), 998u);
    EXPECT_FALSE(line.starts_with("X-Evil"));
    EXPECT_TRUE(line.find_first_of("\r\n\x01") == line.npos);
    boundaries += line.starts_with("--") ? 1 : 0;
  }
  EXPECT_EQ(boundaries, 3u);
}

TEST(Report, ExplainsABoundedNumberOfRecipients) {
  const std::vector<ReportedRecipient> recipients(
      1'000, {.address = "bob@example.com", .status = {5, 1, 1}});
  const Report report = compose(message, recipients, Returned::Headers, frame);
  EXPECT_TRUE(report.before.contains("900 more recipients are listed"));
  std::size_t count = 0;
  for (std::size_t at = report.before.find("Action: failed"); at != std::string::npos;
       at = report.before.find("Action: failed", at + 1))
    ++count;
  EXPECT_EQ(count, 1'000u);
}

// RFC 3461 4.1
TEST(Report, GoesToThoseWhoWantIt) {
  const smtp::NotifySet none, never{smtp::NotifySet::never}, success{smtp::NotifySet::success},
      failure{smtp::NotifySet::failure}, delay{smtp::NotifySet::delay};
  EXPECT_TRUE(is_wanted(Action::Failed, "a@b.example", none));
  EXPECT_TRUE(is_wanted(Action::Delayed, "a@b.example", none));
  EXPECT_FALSE(is_wanted(Action::Delivered, "a@b.example", none));
  EXPECT_FALSE(is_wanted(Action::Relayed, "a@b.example", none));
  EXPECT_FALSE(is_wanted(Action::Failed, "a@b.example", never));
  EXPECT_FALSE(is_wanted(Action::Failed, "a@b.example", delay));
  EXPECT_TRUE(is_wanted(Action::Failed, "a@b.example", failure));
  EXPECT_TRUE(is_wanted(Action::Delayed, "a@b.example", delay));
  EXPECT_FALSE(is_wanted(Action::Delayed, "a@b.example", failure));
  EXPECT_TRUE(is_wanted(Action::Delivered, "a@b.example", success));
  EXPECT_TRUE(is_wanted(Action::Relayed, "a@b.example", success));
  EXPECT_TRUE(is_wanted(Action::Expanded, "a@b.example", success));
}

// RFC 5321 4.5.5
TEST(Report, IsNeverAboutAReport) {
  const smtp::NotifySet all{smtp::NotifySet::success | smtp::NotifySet::failure |
                            smtp::NotifySet::delay};
  for (const Action action : {Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed})
    EXPECT_FALSE(is_wanted(action, "", all));
}

// RFC 3461 4.3
TEST(Report, ReturnsWhatWasAskedFor) {
  using Asked = smtp::ReturnContent;
  const std::uint64_t large = full_return_octets_max + 1;
  EXPECT_EQ(returned_content(Asked::Full, true, Body::SevenBit, large), Returned::Full);
  EXPECT_EQ(returned_content(Asked::Headers, true, Body::SevenBit, 10), Returned::Headers);
  EXPECT_EQ(returned_content(Asked::Unspecified, true, Body::SevenBit, 10), Returned::Full);
  EXPECT_EQ(returned_content(Asked::Unspecified, true, Body::SevenBit, large), Returned::Headers);
  EXPECT_EQ(returned_content(Asked::Full, false, Body::SevenBit, 10), Returned::Headers);
  EXPECT_EQ(returned_content(Asked::Full, true, Body::BinaryMime, 10), Returned::Headers);
}

}  // namespace
}  // namespace ringpost::dsn
