// Properties of the dialogue that no single transcript shows: cutting, bounds, silence, answers
// that come late.
#include "proto/smtp/server_session.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "proto/smtp/replies.h"
#include "tests/support/smtp_dialogue.h"

namespace ringpost::smtp {
namespace {

using test::accept_all;
using test::Dialogue;

// RFC 5321 3, an idle session: what 10,000 of them cost is bounded here.
static_assert(sizeof(ServerSession) <= 512);

constexpr std::string_view transaction =
    "MAIL FROM:<a@c.example> SIZE=100\r\nRCPT TO:<b@mx.example>\r\nRCPT "
    "TO:<c@mx.example>\r\nDATA\r\n"
    "Received: x\r\nSubject: y\r\n\r\n..dots\r\n.\rx\r\n.\r\n";

std::vector<std::string> only(char kind, const std::vector<std::string>& lines) {
  std::vector<std::string> result;
  std::ranges::copy_if(lines, std::back_inserter(result),
                       [&](const std::string& line) { return line.starts_with(kind); });
  return result;
}

TEST(ServerSession, IsTheSameAtEveryCut) {
  const std::string text =
      "EHLO c.example\r\nNOOP\nX\r\n" + std::string(transaction) +
      "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nBDAT 4\r\n\r\n.\rBDAT 1 "
      "LAST\r\n\nBDAT 2\r\n\r\nQUIT\r\nNOOP\r\n";
  const SessionLimits limits;
  Dialogue whole(limits, accept_all);
  whole.feed(text);
  const std::vector<std::string> lines = whole.take_lines();
  EXPECT_TRUE(whole.is_closed());
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    Dialogue parts(limits, accept_all);
    parts.feed(std::string_view(text).substr(0, cut));
    parts.feed(std::string_view(text).substr(cut));
    const std::vector<std::string> cut_lines = parts.take_lines();
    for (const char kind : {'S', '='}) ASSERT_EQ(only(kind, cut_lines), only(kind, lines)) << cut;
  }
}

// RFC 6409 4.2, and what everybody else is told.
TEST(ServerSession, CompletesAddressesForThoseWhoSubmit) {
  const SessionLimits limits;
  ServerSession session(limits, "mx.example", Instant{});
  static_cast<void>(session.next_event());
  session.answer(Decision::accept(), Instant{});
  const auto ask = [&](std::string_view line) {
    session.receive(bytes_of(line), Instant{});
    return session.next_event();
  };
  static_cast<void>(ask("EHLO c.example\r\n"));
  session.answer(Decision::accept(), Instant{});
  EXPECT_TRUE(std::holds_alternative<Violation>(*ask("MAIL FROM:<alice>\r\n")));
  session.complete_addresses();
  const auto mail = ask("MAIL FROM:<alice>\r\n");
  ASSERT_TRUE(mail && std::holds_alternative<MailFrom>(*mail));
  EXPECT_EQ(to_text(std::get<MailFrom>(*mail).sender), "alice@mx.example");
  session.answer(Decision::accept(), Instant{});
  const auto rcpt = ask("RCPT TO:<bob>\r\n");
  ASSERT_TRUE(rcpt && std::holds_alternative<RcptTo>(*rcpt));
  EXPECT_EQ(to_text(std::get<RcptTo>(*rcpt).recipient), "bob@mx.example");
}

TEST(ServerSession, WaitsForALateAnswerAndReadsNothingMeanwhile) {
  const SessionLimits limits;
  ServerSession session(limits, "mx.example", Instant{});
  const Bytes early = bytes_of("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n");
  EXPECT_EQ(session.receive(early, Instant{}), 0u);
  EXPECT_FALSE(session.awaits_answer()) << "the event was not taken yet";
  ASSERT_TRUE(std::holds_alternative<Opened>(*session.next_event()));
  EXPECT_TRUE(session.awaits_answer());
  EXPECT_EQ(session.receive(early, Instant{}), 0u);
  EXPECT_EQ(session.deadline(), never) << "we are late, not the client";
  session.answer(Decision::accept(), Instant{} + seconds(1000));
  EXPECT_EQ(session.deadline(), Instant{} + seconds(1300));
  EXPECT_EQ(session.receive(early, Instant{} + seconds(1000)), 16u) << "stops behind the EHLO line";
}

TEST(ServerSession, AsksAboutSmallCommandsWhereItsOwnerWantsThat) {
  const SessionLimits limits;
  const auto refuses = [](const std::string& event) {
    return event == "small noop" || event == "small quit" ? Reply(450, {4, 7, 1}, "no") : Reply();
  };
  Dialogue dialogue(limits, refuses);
  dialogue.session().ask_small_commands();
  dialogue.feed(
      "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nNOOP\r\nRSET\r\nHELP\r\nVRFY x\r\n"
      "QUIT\r\nNOOP x\r\n");
  EXPECT_FALSE(dialogue.is_closed());
  EXPECT_EQ(only('=', dialogue.take_lines()),
            (std::vector<std::string>{"= opened", "= hello EHLO c.example", "= mail <a@c.example>",
                                      "= small noop -> 450 4.7.1 no", "= small rset", "= reset",
                                      "= small help", "= small quit -> 450 4.7.1 no",
                                      "= small noop -> 450 4.7.1 no"}));
}

TEST(ServerSession, IgnoresAnAnswerThatComesAfterTheEnd) {
  const SessionLimits limits;
  ServerSession session(limits, "mx.example", Instant{});
  ASSERT_TRUE(session.next_event());
  session.disconnected();
  EXPECT_EQ(std::get<Closed>(*session.next_event()).reason, CloseReason::ConnectionLost);
  session.answer(Decision::accept(), Instant{});
  session.disconnected();
  session.shut_down();
  session.expire(never);
  EXPECT_TRUE(session.transmit().empty());
  EXPECT_FALSE(session.next_event());
  EXPECT_TRUE(session.wants_close());
  EXPECT_EQ(session.receive(bytes_of("NOOP\r\n"), Instant{}), 6u) << "taken, and ignored";
  EXPECT_TRUE(session.transmit().empty());
}

// The client asked for nothing any more, but its message is the owner's to conclude: RFC 5321 6.1.
TEST(ServerSession, LeavesAnEndedContentToItsOwner) {
  const SessionLimits limits;
  for (const bool end_was_taken : {false, true}) {
    Dialogue dialogue(limits, accept_all);
    dialogue.feed(
        "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
    dialogue.take_lines();
    ServerSession& session = dialogue.session();
    EXPECT_EQ(session.receive(bytes_of("x\r\n"), Instant{}), 3u);
    ASSERT_TRUE(std::holds_alternative<Content>(*session.next_event()));
    EXPECT_EQ(session.receive(bytes_of(".\r\n"), Instant{}), 3u);
    if (end_was_taken) {
      ASSERT_TRUE(std::holds_alternative<ContentEnd>(*session.next_event()));
    }
    session.disconnected();
    const auto event = session.next_event();
    if (end_was_taken)
      EXPECT_EQ(std::get<Closed>(*event).reason, CloseReason::ConnectionLost);
    else
      EXPECT_EQ(std::get<ContentAborted>(*event).reason, AbortReason::ConnectionLost);
  }
}

TEST(ServerSession, BoundsWhatAPeerThatDoesNotReadCanPileUp) {
  const SessionLimits limits;
  ServerSession session(limits, "mx.example", Instant{});
  session.next_event();
  session.answer(Decision::accept(), Instant{});
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "NOOP\r\n";
  Bytes rest = bytes_of(text);
  std::size_t replies = 0;
  while (!rest.empty()) {
    const std::size_t taken = session.receive(rest, Instant{});
    ASSERT_GT(taken, 0u);
    rest = rest.subspan(taken);
    EXPECT_LT(session.transmit().size(), unsent_replies_octets_max + reply_line_octets_max);
    EXPECT_EQ(session.receive(rest, Instant{}), 0u) << "until the replies are sent";
    // In two parts, as a slow peer would have it.
    const std::size_t part = session.transmit().size() / 3;
    replies += session.transmit().size();
    session.transmitted(part);
    session.transmitted(session.transmit().size());
  }
  EXPECT_EQ(replies, 10'000 * std::string_view("250 2.0.0 Ok\r\n").size() +
                         std::string_view("220 mx.example ESMTP Ringpost\r\n").size());
}

TEST(ServerSession, KeepsRepliesInOrderWhenSentInParts) {
  const SessionLimits limits;
  ServerSession session(limits, "mx.example", Instant{});
  session.next_event();
  session.answer(Decision::accept(), Instant{});
  std::string sent;
  const std::string text = "NOOP\r\nRSET\r\nHELP\r\nVRFY x\r\nQUIT\r\n";
  for (const char c : text) {
    session.receive(bytes_of(std::string_view(&c, 1)), Instant{});
    if (session.transmit().empty()) continue;
    sent += text_of(session.transmit().first(1));
    session.transmitted(1);
  }
  sent += text_of(session.transmit());
  EXPECT_EQ(sent,
            "220 mx.example ESMTP Ringpost\r\n250 2.0.0 Ok\r\n250 2.0.0 Flushed\r\n"
            "214-2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT\r\n"
            "214 2.0.0 RSET NOOP QUIT VRFY HELP\r\n252 2.5.0 Cannot verify; send it and see\r\n"
            "221 2.0.0 Bye\r\n");
}

TEST(ServerSession, EndsAtTheLastWhateverTheClientDoes) {
  SessionLimits limits;
  limits.total = seconds(400);
  Dialogue dialogue(limits, accept_all);
  dialogue.expire_after(seconds(200));
  dialogue.feed("EHLO c.example\r\n");
  dialogue.expire_after(seconds(199));
  dialogue.feed("NOOP\r\n");
  EXPECT_FALSE(dialogue.is_closed());
  EXPECT_EQ(dialogue.session().deadline(), Instant{} + seconds(400));
  dialogue.expire_after(seconds(1));
  EXPECT_TRUE(dialogue.is_closed());
}

TEST(ServerSession, CountsNoProgressWhileItTakesNothing) {
  const SessionLimits limits;
  ServerSession session(limits, "mx.example", Instant{});
  session.next_event();
  session.answer(Decision::accept(), Instant{});
  session.receive({}, Instant{} + seconds(299));
  EXPECT_EQ(session.deadline(), Instant{} + limits.idle);
  session.receive(bytes_of("N"), Instant{} + seconds(299));
  EXPECT_EQ(session.deadline(), Instant{} + seconds(599));
}

TEST(ServerSession, SlicesLieInWhatWasReceived) {
  const SessionLimits limits;
  Dialogue dialogue(limits, accept_all);
  dialogue.feed("EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
  ServerSession& session = dialogue.session();
  const std::string text = "Subject: x\r\n\r\n..y\r\nz\r\n";
  std::string content;
  for (Bytes rest = bytes_of(text); !rest.empty();) {
    rest = rest.subspan(session.receive(rest, Instant{}));
    while (const auto event = session.next_event()) {
      const Bytes slice = std::get<Content>(*event).slice;
      EXPECT_TRUE(lies_within(slice, bytes_of(text)));
      content += text_of(slice);
    }
  }
  EXPECT_EQ(content, "Subject: x\r\n\r\n.y\r\nz\r\n");
}

TEST(ServerSession, TellsWhichHeaderFieldsItSaw) {
  const SessionLimits limits;
  Dialogue dialogue(limits, accept_all);
  dialogue.feed(
      "EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\nDate: x\r\nFrom: "
      "y\r\n\r\n"
      "Message-ID: in the body\r\n.\r\n");
  const std::vector<std::string> lines = dialogue.take_lines();
  EXPECT_TRUE(std::ranges::find(lines, "= end 45 date from") != lines.end());
}

// Found by fuzz/smtp_session_fuzz: the reply depended on which flaw the cutting showed first.
TEST(ServerSession, NamesTheWorstOfSeveralFlaws) {
  SessionLimits limits;
  limits.received_fields_max = 1;
  limits.message_octets_max = 60;
  const std::string received = "Received: 1\r\nReceived: 2\r\n";
  const std::string filler(60, 'x');
  for (const auto& [content, reply] : std::initializer_list<std::pair<std::string, ReplyView>>{
           {received, replies::mail_loop},
           {received + filler + "\r\n", replies::too_big},
           {filler + "\r\n" + received, replies::too_big},
           {received + filler + "\r\n\n\r\n", replies::bare_line_end}}) {
    std::string expected;
    append_reply(expected, reply);
    for (const std::size_t part : {1u, 5u, 1000u}) {
      Dialogue dialogue(limits, accept_all);
      dialogue.feed("EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
      dialogue.take_lines();
      dialogue.feed_in_parts(content + ".\r\n", part);
      const std::vector<std::string> told = only('S', dialogue.take_lines());
      ASSERT_EQ(told.size(), 1u) << test::escaped(content);
      EXPECT_EQ(told[0] + "\r\n", "S: " + expected) << test::escaped(content) << " in " << part;
    }
  }
}

// Whatever the message is, exactly one reply ends it.
TEST(ServerSession, RefusesEveryWayToSmuggle) {
  for (const char* end :
       {"\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\n.\r\r\n"}) {
    for (const BareLineEnds policy : {BareLineEnds::Refuse, BareLineEnds::Keep}) {
      SessionLimits limits;
      limits.bare_line_ends = policy;
      Dialogue dialogue(limits, accept_all);
      dialogue.feed(
          "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
      dialogue.take_lines();
      dialogue.feed(
          std::string("x") + end +
          "MAIL FROM:<evil@c.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\nevil\r\n.\r\n");
      const std::vector<std::string> replies = only('S', dialogue.take_lines());
      ASSERT_EQ(replies.size(), 1u) << test::escaped(end);
      const bool refuses = policy == BareLineEnds::Refuse;
      EXPECT_TRUE(replies[0].starts_with(refuses ? "S: 554 5.6.0" : "S: 250")) << replies[0];
      EXPECT_EQ(dialogue.contents().size(), refuses ? 0u : 1u);
    }
  }
}

// Content is not the watch's business, be it dot-stuffed, chunked or out of turn.
TEST(ServerSession, TellsTheWatchEveryCommandAndNoContent) {
  const SessionLimits limits;
  ServerSession session(limits, "mx.example", Instant{});
  std::vector<std::string> watched;
  session.watch_commands([&](std::string_view line) { watched.emplace_back(line); });
  const std::string text =
      "EHLO c.example\r\nnonsense here\r\nBDAT 8\r\nNOOP 1\r\nMAIL FROM:<a@c.example>\r\n"
      "RCPT TO:<b@mx.example>\r\nDATA\r\nNOOP 2\r\n.\r\nQUIT\r\n";
  Bytes rest = bytes_of(text);
  for (int turns = 0; turns < 100 && !session.wants_close(); ++turns) {
    while (session.next_event()) {
      if (session.awaits_answer()) session.answer(Decision::accept(), Instant{});
    }
    rest = rest.subspan(session.receive(rest, Instant{}));
  }
  EXPECT_EQ(watched, (std::vector<std::string>{"EHLO c.example", "nonsense here", "BDAT 8",
                                               "MAIL FROM:<a@c.example>", "RCPT TO:<b@mx.example>",
                                               "DATA", "QUIT"}));
}

// RFC 4954 4
TEST(ServerSession, TakesLongLinesInAnExchangeOnly) {
  const SessionLimits limits;
  Dialogue dialogue(limits, [](const std::string& event) {
    if (event == "auth LOGIN") return Reply(334, {}, "VXNlcm5hbWU6");
    return event.starts_with("auth") ? Reply(535, {5, 7, 8}, "No") : Reply();
  });
  dialogue.session().offer_auth("LOGIN");
  dialogue.session().secured(Instant{});
  dialogue.feed("EHLO c.example\r\n");
  dialogue.take_lines();
  const std::string longest(12'284, 'A');
  dialogue.feed("AUTH LOGIN\r\n" + longest + "\r\n");
  EXPECT_EQ(only('S', dialogue.take_lines()).back(), "S: 535 5.7.8 No");
  dialogue.feed("AUTH LOGIN\r\n" + longest + "AAA\r\n");
  EXPECT_EQ(only('S', dialogue.take_lines()).back(),
            "S: 500 5.5.6 Authentication exchange line too long");
  dialogue.feed("AUTH LOGIN " + longest.substr(12) + "\r\n");
  EXPECT_EQ(only('S', dialogue.take_lines()).back(), "S: 535 5.7.8 No");
  dialogue.feed("NOOP " + longest.substr(12) + "\r\n");
  EXPECT_EQ(only('S', dialogue.take_lines()).back(), "S: 500 5.5.2 Line too long");
}

TEST(ServerSession, ShowsNoSecretsToWhoWatches) {
  const SessionLimits limits;
  std::vector<std::string> seen;
  Dialogue dialogue(limits, [](const std::string& event) {
    return event == "auth LOGIN" || event == "auth 'alice'" ? Reply(334, {}, "") : Reply();
  });
  dialogue.session().watch_commands([&](std::string_view line) { seen.emplace_back(line); });
  dialogue.session().offer_auth("PLAIN LOGIN");
  dialogue.session().secured(Instant{});
  dialogue.feed(
      " AUTH PLAIN c2VjcmV0\r\nNOTHING\r\nAUTH PLAIN c2VjcmV0\r\nEHLO c.example\r\n"
      "AUTH LOGIN\r\nYWxpY2U=\r\n*\r\n"
      "auth\tlogin  c2VjcmV0\r\nc2VjcmV0\r\nNOOP\r\n");
  EXPECT_EQ(seen, (std::vector<std::string>{"AUTH PLAIN ***", "NOTHING", "AUTH PLAIN ***",
                                            "EHLO c.example", "AUTH LOGIN", "***", "*",
                                            "auth login ***", "***", "NOOP"}));
}

TEST(ServerSession, EndsAnExchangeWithTheSession) {
  const SessionLimits limits;
  const auto begin = [&] {
    auto dialogue = std::make_unique<Dialogue>(limits, [](const std::string& event) {
      return event == "auth LOGIN" ? Reply(334, {}, "VXNlcm5hbWU6") : Reply();
    });
    dialogue->session().offer_auth("LOGIN");
    dialogue->session().secured(Instant{});
    dialogue->feed("EHLO c.example\r\nAUTH LOGIN\r\n");
    dialogue->take_lines();
    return dialogue;
  };
  auto draining = begin();
  draining->session().shut_down();
  draining->settle();
  EXPECT_EQ(
      draining->take_lines(),
      (std::vector<std::string>{"S: 421 4.3.2 Service is shutting down", "= closed shut-down"}));
  auto slow = begin();
  slow->expire_after(seconds(301));
  EXPECT_TRUE(slow->is_closed());
}

}  // namespace
}  // namespace ringpost::smtp
