// Totality: every cell of state and verb is reached by a dialogue that gets the reply the table
// says.
#include "proto/smtp/session_table.h"

#include <gtest/gtest.h>

#include "proto/smtp/replies.h"
#include "tests/support/smtp_dialogue.h"

namespace ringpost::smtp {
namespace {

constexpr const char* lines[verb_count] = {"HELO c.example",
                                           "EHLO c.example",
                                           "MAIL FROM:<a@c.example>",
                                           "RCPT TO:<b@mx.example>",
                                           "DATA",
                                           "BDAT 0",
                                           "RSET",
                                           "NOOP",
                                           "QUIT",
                                           "VRFY b",
                                           "EXPN b",
                                           "HELP",
                                           "STARTTLS",
                                           "AUTH PLAIN",
                                           "XYZZY"};

// What a client says to get there.
std::string way_to(State state) {
  const std::string ready = "EHLO c.example\r\n";
  const std::string sender = ready + "MAIL FROM:<a@c.example>\r\n";
  const std::string recipients = sender + "RCPT TO:<b@mx.example>\r\n";
  switch (state) {
    case State::Connected:
    case State::Rejected:
      return "";
    case State::Ready:
      return ready;
    case State::Sender:
      return sender;
    case State::Recipients:
      return recipients;
    case State::Chunking:
      return recipients + "BDAT 2\r\n\r\n";
    case State::ChunkFailed:
      return recipients + "BDAT 1\r\n\n" + "BDAT 1\r\nx";
  }
  return "";
}

std::string answer_of(State state, Verb verb) {
  const SessionLimits limits;
  test::Dialogue dialogue(limits, [&](const std::string& event) {
    const bool rejects = state == State::Rejected && event == "opened";
    return rejects ? Reply(554, {5, 7, 1}, "No") : Reply();
  });
  dialogue.session().offer_tls(TlsOffer::Offered);
  dialogue.session().offer_auth("PLAIN");
  if (verb == Verb::Auth) dialogue.session().secured(Instant{});
  dialogue.feed(way_to(state));
  dialogue.take_lines();
  dialogue.feed(std::string(lines[static_cast<std::size_t>(verb)]) + "\r\n");
  for (const std::string& line : dialogue.take_lines())
    if (line.starts_with("S: ")) return line.substr(3);
  return "";
}

TEST(SessionTable, HoldsInEveryCell) {
  for (std::size_t s = 0; s < state_count; ++s) {
    for (std::size_t v = 0; v < verb_count; ++v) {
      const auto state = static_cast<State>(s);
      const auto verb = static_cast<Verb>(v);
      const Admission admitted = admission(state, verb);
      const std::string answer = answer_of(state, verb);
      if (admitted == Admission::Allow) {
        EXPECT_TRUE(answer.starts_with('2') || answer.starts_with("354"))
            << s << ' ' << lines[v] << ": " << answer;
        continue;
      }
      std::string expected;
      append_reply(expected, refusal(admitted));
      EXPECT_EQ(answer + "\r\n", expected) << s << ' ' << lines[v];
    }
  }
}

}  // namespace
}  // namespace ringpost::smtp
