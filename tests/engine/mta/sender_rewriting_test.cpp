// Senders on their way out and reports on their way back.
#include "engine/mta/sender_rewriting.h"

#include <gtest/gtest.h>

#include "proto/base/check.h"
#include "proto/conf/parse.h"
#include "proto/smtp/path.h"
#include "tests/proto/conf/fake_lookups.h"

namespace ringpost::mta {
namespace {

constexpr WallTime now{1'763'856'000'000'000};

Generation generation_of(const std::string& text) {
  conf::ParseInput input;
  input.path = "test.conf";
  input.text = text;
  input.server_name = "mx.us.test";
  conf::FileReader none = [](const std::string& path) -> std::expected<std::string, Fault> {
    return std::unexpected(Fault{"open", ENOENT, path});
  };
  conf::ParseResult parsed = conf::parse(std::move(input), none);
  CHECK(parsed.config);
  Generation generation;
  generation.config = std::move(*parsed.config);
  generation.srs = srs_of(generation.config.srs);
  return generation;
}

// us.test is delivered here, one user of it and everybody of all.test; the rest is relayed only for
// local clients.
const std::string rules =
    "listen on lo\n"
    "srs key one\n"
    "action \"local\" maildir virtual { \"ann@us.test\" = root, \"@all.test\" = root }\n"
    "action out relay srs\n"
    "match from any for domain { us.test, all.test } action \"local\"\n"
    "match from local for any action out\n";

class SenderRewritingTest : public testing::Test {
 protected:
  std::string forwarded(const std::string& sender, const std::string& accepted = "ann@us.test",
                        const std::string& final = "ann@there.test") const {
    store::Recipient recipient;
    recipient.accepted_address = accepted;
    recipient.final_address = final;
    return forwarded_sender(generation_, sender, recipient, now);
  }
  // Where a report of a stranger's would go.
  std::string report_to(const std::string& address, WallTime when = now,
                        const std::string& sender = "") {
    const auto recipient = smtp::parse_mailbox(address);
    const auto from = smtp::parse_reverse_path(sender);
    const conf::SessionFacts session{.client = conf::parse_net_address("192.0.2.1"),
                                     .tag = {},
                                     .helo = "there.test",
                                     .sender = {from->mailbox.local, from->mailbox.domain}};
    const conf::Expansion found = expand_recipient(
        generation_, session, {recipient->local, recipient->domain}, lookups_, when);
    if (found.outcome == conf::Outcome::Unknown) return "unknown";
    if (found.outcome == conf::Outcome::Refused) return "refused";
    if (found.outcome != conf::Outcome::Deliver) return "?";
    const conf::Delivery& delivery = found.deliveries.front();
    return delivery.action->name + " " +
           smtp::to_text(smtp::Mailbox{delivery.destination_user, delivery.destination_domain});
  }

  Generation generation_ = generation_of(rules);
  conf::FakeLookups lookups_;
};

TEST_F(SenderRewritingTest, AReportComesBackToTheSender) {
  const std::string sender = forwarded("Bob@away.test");
  EXPECT_TRUE(sender.starts_with("SRS0=") && sender.ends_with("=away.test=Bob@us.test")) << sender;
  EXPECT_EQ(report_to(sender), "out Bob@away.test") << "relayed, though the client is a stranger";
  const std::string own = forwarded("ann@us.test", "x@all.test");
  EXPECT_EQ(report_to(own), "local ann@us.test");
}

TEST_F(SenderRewritingTest, QuotedSendersComeBackToo) {
  EXPECT_EQ(report_to(forwarded("\"b b\"@away.test")), "out \"b b\"@away.test");
}

TEST_F(SenderRewritingTest, OnlyForwardedMailHasANewSender) {
  EXPECT_EQ(forwarded(""), "");
  EXPECT_EQ(forwarded("bob@away.test", "ann@there.test"), "bob@away.test");
  EXPECT_EQ(forwarded("bob@us.test"), "bob@us.test") << "of the domain itself";
  EXPECT_EQ(forwarded(std::string(240, 'x') + "@away.test"), std::string(240, 'x') + "@away.test");
  EXPECT_TRUE(forwarded("bob@away.test", "postmaster").ends_with("@mx.us.test"));
  generation_.srs.reset();
  EXPECT_EQ(forwarded("bob@away.test"), "bob@away.test");
}

TEST_F(SenderRewritingTest, ForgedAndExpiredOnesAreUnknown) {
  const std::string sender = forwarded("bob@away.test");
  std::string forged = sender;
  forged[5] = forged[5] == 'A' ? 'B' : 'A';
  EXPECT_EQ(report_to(forged), "unknown");
  EXPECT_EQ(report_to("SRS0=XXXXXX=AA=away.test=bob@all.test"), "unknown") << "everybody is known";
  EXPECT_EQ(report_to("SRS0=@all.test"), "unknown");
  EXPECT_EQ(report_to(sender, now + seconds(30 * 86'400)), "unknown");
  EXPECT_EQ(report_to("SRS0=XXXXXX=AA=away.test=bob@forwarder.test"), "refused") << "not ours";
}

TEST_F(SenderRewritingTest, OnlyReportsAreTurnedBack) {
  EXPECT_EQ(report_to(forwarded("bob@away.test"), now, "spam@there.test"), "unknown");
  EXPECT_EQ(report_to("ann@us.test"), "local ann@us.test");
}

TEST_F(SenderRewritingTest, ADifferentKeyIsForged) {
  const std::string sender = forwarded("bob@away.test");
  generation_.srs = srs_of({.key = "two", .backup_key = {}});
  EXPECT_EQ(report_to(sender), "unknown");
  generation_.srs = srs_of({.key = "two", .backup_key = "one"});
  EXPECT_EQ(report_to(sender), "out bob@away.test");
}

}  // namespace
}  // namespace ringpost::mta
