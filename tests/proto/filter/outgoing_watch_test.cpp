// Outgoing dialogues as filters hear of them.
#include "proto/filter/outgoing_watch.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::filter {
namespace {

// Every report as "event|fields", without the lines of the dialogue unless they are wanted.
class Overheard final : public OutgoingListener {
 public:
  explicit Overheard(bool lmtp = false) : watch(*this, lmtp) {}
  void overheard(ReportEvent event, std::initializer_list<std::string_view> fields) override {
    std::string line(word_of(event));
    for (const std::string_view field : fields) line.append("|").append(field);
    const bool is_line =
        event == ReportEvent::ProtocolClient || event == ReportEvent::ProtocolServer;
    (is_line ? spoken : told).push_back(std::move(line));
  }

  std::vector<std::string> told, spoken;
  OutgoingWatch watch;
};

using Lines = std::vector<std::string>;

TEST(OutgoingWatch, TellsOfAWholeSession) {
  Overheard heard;
  heard.watch.received("220 sink.test ESMTP\r\n");
  heard.watch.sent("EHLO mx.test\r\n");
  heard.watch.received("250-sink.test\r\n250-PIPELINING\r\n250 SIZE 1000\r\n");
  heard.watch.begin("m1");
  heard.watch.sent(
      "MAIL FROM:<a@dest.test> SIZE=10\r\nRCPT TO:<x@out.test>\r\nRCPT "
      "TO:<no@out.test>\r\nDATA\r\n");
  heard.watch.received("250 2.0.0 ok\r\n250 2.0.0 ok\r\n550 5.1.1 refused\r\n354 go\r\n");
  heard.watch.content_sent(282, false);
  heard.watch.received("250 2.0.0 sunk\r\n");
  heard.watch.sent("QUIT\r\n");
  heard.watch.received("221 bye\r\n");
  heard.watch.closed();
  EXPECT_EQ(heard.told,
            (Lines{"link-greeting|sink.test", "link-identify|EHLO|mx.test", "tx-begin|m1",
                   "tx-mail|m1|ok|a@dest.test", "tx-envelope|m1|m10000", "tx-rcpt|m1|ok|x@out.test",
                   "tx-envelope|m1|m10001", "tx-rcpt|m1|permfail|no@out.test", "tx-data|m1|ok",
                   "tx-commit|m1|282", "tx-reset|m1", "link-disconnect"}));
  EXPECT_EQ(heard.spoken.front(), "protocol-server|220 sink.test ESMTP");
  EXPECT_EQ(heard.spoken[heard.spoken.size() - 4], "protocol-client|.");
}

TEST(OutgoingWatch, IsTheSameAtEveryCut) {
  const std::string replies =
      "220 a b\r\n250-x\r\n250 y\r\n250 ok\r\n450 no\r\n554 no\r\n250 r\r\n";
  const auto play = [&](std::size_t cut) {
    Overheard heard;
    heard.watch.begin("m");
    heard.watch.sent("EHLO z\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nRSET\r\n");
    heard.watch.received(replies.substr(0, cut));
    heard.watch.received(replies.substr(cut));
    heard.watch.closed();
    return heard.told;
  };
  const Lines whole = play(0);
  EXPECT_EQ(whole.back(), "link-disconnect");
  EXPECT_EQ(whole[whole.size() - 3], "tx-rollback|m");
  for (std::size_t cut = 1; cut < replies.size(); ++cut) ASSERT_EQ(play(cut), whole) << cut;
}

// RFC 2033 4.2
TEST(OutgoingWatch, CommitsWhatLmtpTookForOneOfSeveral) {
  Overheard heard(true);
  heard.watch.received("220 a\r\n");
  heard.watch.begin("m");
  heard.watch.sent("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n");
  heard.watch.received("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  heard.watch.content_sent(5, false);
  heard.watch.received("250 ok\r\n");
  EXPECT_EQ(heard.told.back(), "tx-data|m|ok");
  heard.watch.received("452 full\r\n");
  EXPECT_EQ(heard.told[heard.told.size() - 2], "tx-commit|m|5");
}

TEST(OutgoingWatch, RollsBackWhatIsRefusedOrCutOff) {
  Overheard heard;
  heard.watch.received("220 a\r\n");
  heard.watch.begin("m");
  heard.watch.sent("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 5 LAST\r\n");
  heard.watch.content_sent(5, true);
  heard.watch.received("250 ok\r\n250 ok\r\n552 too big\r\n");
  EXPECT_EQ(heard.told[heard.told.size() - 3], "tx-data|m|permfail");
  EXPECT_EQ(heard.told[heard.told.size() - 2], "tx-rollback|m");
  heard.watch.begin("n");
  heard.watch.sent("MAIL FROM:<a@b>\r\n");
  heard.watch.received("250 ok\r\n");
  heard.watch.closed();
  EXPECT_EQ(heard.told[heard.told.size() - 3], "tx-rollback|n");
}

TEST(OutgoingWatch, KnowsWhoseMessageEachMailBegins) {
  Overheard heard;
  heard.watch.received("220 a\r\n");
  heard.watch.begin("m");
  heard.watch.sent("MAIL FROM:<a@b>\r\n");
  heard.watch.begin("n");
  heard.watch.sent("MAIL FROM:<a@b>\r\nMAIL FROM:<of@nobody>\r\n");
  heard.watch.received("250 ok\r\n250 ok\r\n250 ok\r\n");
  heard.watch.closed();
  EXPECT_EQ(heard.told, (Lines{"link-greeting|a", "tx-begin|m", "tx-mail|m|ok|a@b", "tx-rollback|m",
                               "tx-reset|m", "tx-begin|n", "tx-mail|n|ok|a@b", "tx-rollback|n",
                               "tx-reset|n", "link-disconnect"}));
}

TEST(OutgoingWatch, ShowsNoSecrets) {
  Overheard heard;
  heard.watch.log_in_as("alice");
  heard.watch.received("220 a\r\n");
  heard.watch.sent("AUTH PLAIN c2VjcmV0\r\n");
  heard.watch.received("535 no\r\n");
  heard.watch.sent("AUTH LOGIN\r\n");
  heard.watch.received("334 VXNlcm5hbWU6\r\n");
  heard.watch.sent("YWxpY2U=\r\n");
  heard.watch.received("334 UGFzc3dvcmQ6\r\n");
  heard.watch.sent("c2VjcmV0\r\n");
  heard.watch.received("235 ok\r\n");
  EXPECT_EQ(heard.told, (Lines{"link-greeting|a", "link-auth|alice|fail", "link-auth|alice|pass"}));
  EXPECT_EQ(heard.spoken[1], "protocol-client|AUTH PLAIN ***");
  for (const std::string& line : heard.spoken) {
    EXPECT_EQ(line.find("c2VjcmV0"), std::string::npos) << line;
    EXPECT_EQ(line.find("YWxpY2U="), std::string::npos) << line;
  }
}

TEST(OutgoingWatch, BoundsWhatAServerSays) {
  Overheard heard;
  heard.watch.received(std::string(100'000, '2'));
  heard.watch.received("\r\nnonsense\r\n\r\n99\r\n250 more than was asked\r\n250 x\r\n");
  ASSERT_EQ(heard.spoken.size(), 6u);
  EXPECT_EQ(heard.spoken[0].size(), OutgoingWatch::line_octets_max + 16);
}

}  // namespace
}  // namespace ringpost::filter
