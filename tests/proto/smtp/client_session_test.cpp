// The client dialogue against scripted servers: what it says, what it makes of every reply, and
// that each recipient gets exactly one outcome whatever happens.
#include "proto/smtp/client_session.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

const Instant start{1'000'000'000};

std::string describe(const ClientEvent& event) {
  if (std::holds_alternative<HandshakeWanted>(event)) return "handshake";
  if (std::holds_alternative<Ready>(event)) return "ready";
  if (std::holds_alternative<MessageDone>(event)) return "done";
  if (const auto* wanted = std::get_if<ContentWanted>(&event))
    return wanted->chunked ? "chunk" : "content";
  if (const auto* outcome = std::get_if<RecipientDone>(&event))
    return fmt::format("rcpt {} {}{}{}", outcome->recipient, outcome->reply.code,
                       outcome->local ? " local" : "", outcome->uncertain ? " uncertain" : "");
  const auto& ended = std::get<Ended>(event);
  constexpr std::string_view reasons[] = {"quit", "refused",   "peer closing",
                                          "lost", "timed out", "violation"};
  return fmt::format("ended: {}", reasons[static_cast<std::size_t>(ended.reason)]);
}

// Drives one session: feeds it server text and notes the events; content is noted as sent at once.
class Peer {
 public:
  explicit Peer(ClientSettings settings = {}) : settings_(std::move(settings)) {}

  // Gives the session server text, in pieces of `piece_` octets; returns the events,
  // comma-separated.
  std::string hear(std::string_view text) {
    std::vector<std::string> events;
    drain(events);
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, piece_);
      const std::size_t taken = session_.receive(bytes_of(piece), now_);
      text.remove_prefix(taken);
      const bool moved = drain(events);
      if (taken == 0 && !moved) break;
    }
    return fmt::format("{}", fmt::join(events, ", "));
  }

  std::string events() { return hear(""); }

  // What the client wants sent, taken from it.
  std::string said() {
    const std::string text(text_of(session_.transmit()));
    session_.transmitted(text.size());
    return text;
  }

  // Brings the session to Ready.
  void greet(std::string_view extensions = "250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n") {
    EXPECT_EQ(hear("220 mx\r\n"), "");
    EXPECT_EQ(said(), settings_.lmtp ? "LHLO localhost\r\n" : "EHLO localhost\r\n");
    EXPECT_EQ(hear(extensions), "ready");
  }

  void begin(std::size_t recipients, std::uint64_t octets = 100, bool all_or_nobody = false) {
    recipients_.clear();
    names_.clear();
    for (std::size_t i = 0; i < recipients; ++i) names_.push_back(fmt::format("r{}@b.test", i));
    for (const std::string& name : names_) recipients_.push_back({.path = name});
    session_.begin({.sender = "a@a.test",
                    .recipients = recipients_,
                    .octets = octets,
                    .all_or_nobody = all_or_nobody},
                   now_);
  }

  bool drain(std::vector<std::string>& events) {
    bool any = false;
    while (const auto event = session_.next_event()) {
      events.push_back(describe(*event));
      any = true;
      if (!std::holds_alternative<ContentWanted>(*event)) continue;
      if (sends_content_) session_.content_sent(now_);
    }
    return any;
  }

  ClientSettings settings_;
  Instant now_ = start;
  ClientSession session_{settings_, start};
  std::size_t piece_ = std::string::npos;
  bool sends_content_ = true;
  std::vector<std::string> names_;
  std::vector<OutgoingRecipient> recipients_;
};

TEST(ClientSession, SendsOneMessageWithPipelining) {
  Peer peer;
  peer.greet();
  peer.begin(2);
  EXPECT_EQ(
      peer.said(),
      "MAIL FROM:<a@a.test> SIZE=100\r\nRCPT TO:<r0@b.test>\r\nRCPT TO:<r1@b.test>\r\nDATA\r\n");
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"), "content");
  EXPECT_EQ(peer.hear("250 2.0.0 queued\r\n"), "rcpt 0 250, rcpt 1 250, done, ready");
  peer.session_.quit(start);
  EXPECT_EQ(peer.said(), "QUIT\r\n");
  EXPECT_EQ(peer.hear("221 bye\r\n"), "ended: quit");
  EXPECT_EQ(peer.hear("250 silence\r\n"), "");
}

TEST(ClientSession, WaitsForEachReplyWithoutPipelining) {
  Peer peer;
  peer.greet("250 mx\r\n");
  peer.begin(2);
  EXPECT_EQ(peer.said(), "MAIL FROM:<a@a.test>\r\n");
  EXPECT_EQ(peer.hear("250 ok\r\n"), "");
  EXPECT_EQ(peer.said(), "RCPT TO:<r0@b.test>\r\n");
  EXPECT_EQ(peer.hear("550 no\r\n"), "rcpt 0 550");
  EXPECT_EQ(peer.said(), "RCPT TO:<r1@b.test>\r\n");
  EXPECT_EQ(peer.hear("251 ok\r\n"), "");
  EXPECT_EQ(peer.said(), "DATA\r\n");
  EXPECT_EQ(peer.hear("354 go\r\n"), "content");
  EXPECT_EQ(peer.hear("452 full\r\n"), "rcpt 1 452, done, ready");
}

TEST(ClientSession, PipeliningCanBeSwitchedOff) {
  Peer peer({.pipelining = false});
  peer.greet();
  peer.begin(1);
  EXPECT_EQ(peer.said(), "MAIL FROM:<a@a.test> SIZE=100\r\n");
}

TEST(ClientSession, KeepsABoundOnCommandsInFlight) {
  Peer peer({.commands_in_flight_max = 3});
  peer.greet();
  peer.begin(4);
  EXPECT_EQ(peer.said(),
            "MAIL FROM:<a@a.test> SIZE=100\r\nRCPT TO:<r0@b.test>\r\nRCPT TO:<r1@b.test>\r\n");
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n"), "");
  EXPECT_EQ(peer.said(), "RCPT TO:<r2@b.test>\r\nRCPT TO:<r3@b.test>\r\n");
}

TEST(ClientSession, SeveralMessagesShareAConnection) {
  Peer peer;
  peer.greet();
  for (int message = 0; message < 3; ++message) {
    peer.begin(1);
    EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n354 go\r\n"), "content");
    EXPECT_EQ(peer.hear("250 ok\r\n"), "rcpt 0 250, done, ready");
  }
}

TEST(ClientSession, FallsBackToHelo) {
  Peer peer;
  EXPECT_EQ(peer.hear("220 mx\r\n"), "");
  EXPECT_EQ(peer.said(), "EHLO localhost\r\n");
  EXPECT_EQ(peer.hear("502 what\r\n"), "");
  EXPECT_EQ(peer.said(), "HELO localhost\r\n");
  EXPECT_EQ(peer.hear("250-mx\r\n250 PIPELINING\r\n"), "ready");
  EXPECT_EQ(peer.session_.announced(), Announced{});
}

TEST(ClientSession, EndsWhenTheServerDoesNotWantIt) {
  Peer greeting;
  EXPECT_EQ(greeting.hear("554 no\r\n"), "ended: refused");
  EXPECT_EQ(greeting.said(), "QUIT\r\n");
  Peer hello;
  EXPECT_EQ(hello.hear("220 mx\r\n451 later\r\n"), "ended: refused");
  Peer both;
  EXPECT_EQ(both.hear("220 mx\r\n550 no\r\n550 no\r\n"), "ended: refused");
  Peer busy;
  EXPECT_EQ(busy.hear("421 busy\r\n"), "ended: peer closing");
}

TEST(ClientSession, RejectedMailIsTheOutcomeOfEveryRecipient) {
  Peer peer;
  peer.greet();
  peer.begin(2);
  EXPECT_EQ(peer.hear("550 bad sender\r\n"), "rcpt 0 550, rcpt 1 550, done");
  EXPECT_EQ(peer.hear("503 need mail\r\n503 need mail\r\n503 need mail\r\n"), "ready");
  EXPECT_FALSE(peer.said().ends_with("RSET\r\n"));
}

TEST(ClientSession, RejectedMailStopsADialogueWithoutPipelining) {
  Peer peer({.pipelining = false});
  peer.greet();
  peer.begin(2);
  peer.said();
  EXPECT_EQ(peer.hear("450 later\r\n"), "rcpt 0 450, rcpt 1 450, done, ready");
  EXPECT_EQ(peer.said(), "");
}

TEST(ClientSession, ResetsWhenNoRecipientIsTaken) {
  Peer peer({.pipelining = false});
  peer.greet();
  peer.begin(1);
  peer.said();
  EXPECT_EQ(peer.hear("250 ok\r\n550 no\r\n"), "rcpt 0 550, done");
  EXPECT_EQ(peer.said(), "RCPT TO:<r0@b.test>\r\nRSET\r\n");
  EXPECT_EQ(peer.hear("250 reset\r\n"), "ready");
}

// RFC 2920 3.1: the server may say 354 although it took no recipient.
TEST(ClientSession, OneRefusedRecipientIsEnoughWhenItIsAllOrNobody) {
  for (const char* replies :
       {"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n450 no\r\n"}) {
    Peer peer;
    peer.greet();
    peer.begin(3, 100, true);
    EXPECT_EQ(peer.said(),
              "MAIL FROM:<a@a.test> SIZE=100\r\nRCPT TO:<r0@b.test>\r\n"
              "RCPT TO:<r1@b.test>\r\nRCPT TO:<r2@b.test>\r\n");
    const bool second = std::string_view(replies).contains("550");
    EXPECT_EQ(peer.hear(replies), second ? "rcpt 1 550, rcpt 0 451 local, rcpt 2 451 local, done"
                                         : "rcpt 2 450, rcpt 0 451 local, rcpt 1 451 local, done");
    EXPECT_EQ(peer.said(), "RSET\r\n");
    EXPECT_EQ(peer.hear("250 ok\r\n"), "ready");
  }
}

TEST(ClientSession, AllOrNobodyNeverSendsContentAhead) {
  Peer peer({.chunking = true});
  peer.greet("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  peer.begin(2, 10, true);
  EXPECT_FALSE(peer.said().contains("BDAT"));
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n250 ok\r\n"), "chunk");
  EXPECT_EQ(peer.said(), "BDAT 10 LAST\r\n");
  EXPECT_EQ(peer.hear("250 ok\r\n"), "rcpt 0 250, rcpt 1 250, done, ready");
}

TEST(ClientSession, EndsContentThatIsForNobody) {
  Peer peer;
  peer.greet();
  peer.begin(1);
  peer.said();
  EXPECT_EQ(peer.hear("250 ok\r\n550 no\r\n354 go\r\n"), "rcpt 0 550, done");
  EXPECT_EQ(peer.said(), ".\r\n");
  EXPECT_EQ(peer.hear("554 no recipients\r\n"), "ready");
}

TEST(ClientSession, RefusedDataIsTheOutcomeOfThoseAccepted) {
  Peer peer;
  peer.greet();
  peer.begin(2);
  peer.said();
  EXPECT_EQ(peer.hear("250 ok\r\n550 no\r\n250 ok\r\n451 later\r\n"),
            "rcpt 0 550, rcpt 1 451, done");
  EXPECT_EQ(peer.said(), "RSET\r\n");
  EXPECT_EQ(peer.hear("250 ok\r\n"), "ready");
}

TEST(ClientSession, SendsChunksBeforeTheRepliesWhenSmall) {
  Peer peer({.chunking = true});
  peer.greet("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  peer.begin(1);
  EXPECT_EQ(peer.said(), "MAIL FROM:<a@a.test>\r\nRCPT TO:<r0@b.test>\r\nBDAT 100 LAST\r\n");
  EXPECT_EQ(peer.events(), "chunk");
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n250 taken\r\n"), "rcpt 0 250, done, ready");
}

TEST(ClientSession, HoldsLargeChunksBackUntilARecipientIsTaken) {
  Peer peer({.chunking = true});
  peer.greet("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  peer.begin(1, 1'000'000);
  EXPECT_EQ(peer.said(), "MAIL FROM:<a@a.test>\r\nRCPT TO:<r0@b.test>\r\n");
  EXPECT_EQ(peer.hear("250 ok\r\n"), "");
  EXPECT_EQ(peer.hear("250 ok\r\n"), "chunk");
  EXPECT_EQ(peer.said(), "BDAT 1000000 LAST\r\n");
}

TEST(ClientSession, ResetsAfterARefusedChunk) {
  Peer peer({.chunking = true});
  peer.greet("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  peer.begin(1);
  peer.said();
  EXPECT_EQ(peer.hear("250 ok\r\n550 no\r\n503 no recipients\r\n"), "chunk, rcpt 0 550, done");
  EXPECT_EQ(peer.said(), "RSET\r\n");
  EXPECT_EQ(peer.hear("250 ok\r\n"), "ready");
}

TEST(ClientSession, AReplyBeforeTheEndOfTheContentWaitsForIt) {
  Peer peer;
  peer.sends_content_ = false;
  peer.greet();
  peer.begin(1);
  peer.said();
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n354 go\r\n"), "content");
  EXPECT_EQ(peer.hear("552 too big\r\n"), "");
  EXPECT_EQ(peer.session_.receive(bytes_of("250 not yet\r\n"), start), 0u);
  peer.session_.content_progressed(start);
  peer.session_.content_sent(start);
  EXPECT_EQ(peer.events(), "rcpt 0 552, done, ready");
}

TEST(ClientSession, ARefusalBeforeTheConnectionBreaksCounts) {
  Peer peer;
  peer.sends_content_ = false;
  peer.greet();
  peer.begin(1);
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n354 go\r\n552 too big\r\n"), "content");
  peer.session_.disconnected();
  EXPECT_EQ(peer.events(), "rcpt 0 552, done, ended: lost");
}

TEST(ClientSession, APositiveReplyBeforeTheConnectionBreaksLeavesItOpen) {
  Peer peer;
  peer.sends_content_ = false;
  peer.greet();
  peer.begin(1);
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n354 go\r\n250 what\r\n"), "content");
  peer.session_.disconnected();
  EXPECT_EQ(peer.events(), "rcpt 0 451 local uncertain, done, ended: lost");
}

TEST(ClientSession, ALostConnectionIsUncertainOnceTheContentIsOut) {
  Peer before;
  before.greet();
  before.begin(1);
  before.session_.disconnected();
  EXPECT_EQ(before.events(), "rcpt 0 451 local, done, ended: lost");

  Peer after;
  after.greet();
  after.begin(1);
  EXPECT_EQ(after.hear("250 ok\r\n250 ok\r\n354 go\r\n"), "content");
  after.session_.disconnected();
  EXPECT_EQ(after.events(), "rcpt 0 451 local uncertain, done, ended: lost");
}

TEST(ClientSession, AnOutcomeThatWasHeardSurvivesTheLossOfTheConnection) {
  Peer peer;
  peer.greet();
  peer.begin(2);
  peer.session_.receive(bytes_of("250 ok\r\n550 no\r\n"), start);
  peer.session_.disconnected();
  EXPECT_EQ(peer.events(), "rcpt 0 550, rcpt 1 451 local, done, ended: lost");
}

TEST(ClientSession, AServerThatClosesIsTheOutcomeOfTheRest) {
  Peer peer;
  peer.greet();
  peer.begin(3);
  EXPECT_EQ(peer.hear("250 ok\r\n550 no\r\n421 busy\r\n"),
            "rcpt 0 550, rcpt 1 421, rcpt 2 421, done, ended: peer closing");
}

TEST(ClientSession, EveryWaitHasItsLimit) {
  const ClientTimeouts limits;
  Peer peer;
  EXPECT_EQ(peer.session_.deadline(), start + limits.greeting);
  peer.greet();
  EXPECT_EQ(peer.session_.deadline(), never);
  peer.begin(1);
  EXPECT_EQ(peer.session_.deadline(), start + limits.command);
  peer.hear("250 ok\r\n250 ok\r\n");
  EXPECT_EQ(peer.session_.deadline(), start + limits.content_command);
  peer.sends_content_ = false;
  peer.hear("354 go\r\n");
  EXPECT_EQ(peer.session_.deadline(), start + limits.content_block);
  peer.session_.content_sent(start);
  EXPECT_EQ(peer.session_.deadline(), start + limits.content_end);
  peer.session_.expire(start + limits.content_end - milliseconds(1));
  EXPECT_EQ(peer.events(), "");
  peer.session_.expire(start + limits.content_end);
  EXPECT_EQ(peer.events(), "rcpt 0 451 local uncertain, done, ended: timed out");
}

TEST(ClientSession, AQuitThatIsNotAnsweredIsStillOne) {
  Peer peer;
  peer.greet();
  peer.session_.quit(start);
  peer.session_.expire(start + ClientTimeouts{}.closing);
  EXPECT_EQ(peer.events(), "ended: quit");
}

TEST(ClientSession, DoesNotSendWhatTheServerCannotTake) {
  Peer peer;
  peer.greet();
  peer.begin(1, 1001);
  EXPECT_EQ(peer.events(), "rcpt 0 552 local, done, ready");
  EXPECT_EQ(peer.said(), "");
  const OutgoingRecipient recipient{.path = "ü@b.test"};
  peer.session_.begin({.sender = "", .recipients = {&recipient, 1}, .smtputf8 = true}, start);
  EXPECT_EQ(peer.events(), "rcpt 0 553 local, done, ready");
}

TEST(ClientSession, EightBitContentIsForServersThatTakeIt) {
  Peer peer;
  peer.greet("250-mx\r\n250 PIPELINING\r\n");
  const OutgoingRecipient recipient{.path = "r@b.test"};
  const OutgoingMessage message{
      .sender = "", .recipients = {&recipient, 1}, .body = BodyType::EightBitMime};
  peer.session_.begin(message, start);
  EXPECT_EQ(peer.events(), "rcpt 0 554 local, done, ready");
  Peer mailbox({.lmtp = true});
  mailbox.greet("250-mx\r\n250 PIPELINING\r\n");
  mailbox.said();
  mailbox.session_.begin(message, start);
  EXPECT_EQ(mailbox.said(), "MAIL FROM:<>\r\nRCPT TO:<r@b.test>\r\nDATA\r\n");
}

TEST(ClientSession, PassesParametersOnWhereTheyAreKnown) {
  Peer peer;
  peer.greet("250-mx\r\n250-8bitmime\r\n250-SMTPUTF8\r\n250-DSN\r\n250-pipelining\r\n250 size\r\n");
  const OutgoingRecipient recipient{.path = "r@b.test",
                                    .notify = {NotifySet::failure | NotifySet::delay},
                                    .original_recipient = "rfc822;o@c.test"};
  peer.session_.begin({.sender = "",
                       .recipients = {&recipient, 1},
                       .octets = 7,
                       .body = BodyType::EightBitMime,
                       .smtputf8 = true,
                       .ret = ReturnContent::Headers,
                       .envelope_id = "id"},
                      start);
  EXPECT_EQ(peer.said(),
            "MAIL FROM:<> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id\r\n"
            "RCPT TO:<r@b.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o@c.test\r\nDATA\r\n");
}

TEST(ClientSession, RepliesThatMakeNoSenseEndIt) {
  for (const std::string_view nonsense : {"250 ok\r\n354 go\r\n", "354 go\r\n", "garbage\r\n",
                                          "250 ok\r\n250 ok\r\n250 not 354\r\n"}) {
    Peer peer;
    peer.greet();
    peer.begin(1);
    EXPECT_EQ(peer.hear(nonsense), "rcpt 0 451 local, done, ended: violation") << nonsense;
  }
  Peer idle;
  idle.greet();
  EXPECT_EQ(idle.hear("250 unasked\r\n"), "ended: violation");
}

TEST(ClientSession, LmtpHasAnOutcomeForEachRecipient) {
  Peer peer({.lmtp = true});
  peer.greet();
  peer.begin(3);
  peer.said();
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n"), "rcpt 1 550, content");
  EXPECT_EQ(peer.hear("250 stored\r\n"), "rcpt 0 250");
  EXPECT_EQ(peer.hear("452 full\r\n"), "rcpt 2 452, done, ready");
}

TEST(ClientSession, LmtpKeepsTheOutcomesItHasWhenTheConnectionBreaks) {
  Peer peer({.lmtp = true});
  peer.greet();
  peer.begin(2);
  EXPECT_EQ(peer.hear("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 stored\r\n"),
            "content, rcpt 0 250");
  peer.session_.disconnected();
  EXPECT_EQ(peer.events(), "rcpt 1 451 local uncertain, done, ended: lost");
}

TEST(ClientSession, IsTheSameHoweverTheOctetsAreCut) {
  const std::string_view script =
      "220-mx\r\n220 here\r\n250-mx\r\n250 PIPELINING\r\n"
      "250 2.1.0 ok\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n250 ok\r\n354 go\r\n250 done\r\n";
  std::string expected;
  for (std::size_t piece = script.size(); piece > 0; --piece) {
    Peer peer;
    peer.piece_ = piece;
    std::string events = peer.hear(script.substr(0, 54));
    peer.begin(2);
    events += peer.hear(script.substr(54)) + peer.said();
    if (expected.empty()) expected = events;
    ASSERT_EQ(events, expected) << "pieces of " << piece;
  }
  EXPECT_TRUE(expected.starts_with("readyrcpt 0 550, content, rcpt 1 250, done, ready"))
      << expected;
}

}  // namespace
}  // namespace ringpost::smtp
