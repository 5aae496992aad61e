// STARTTLS and AUTH as a client: what is said when, what is never said, and how a server that does
// not give what is required is left.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proto/base/base64.h"
#include "proto/smtp/client_session.h"

namespace ringpost::smtp {
namespace {

constexpr std::string_view offers =
    "250-mx\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH LOGIN PLAIN\r\n";

class ClientOpening : public testing::Test {
 protected:
  // The dialogue up to the reply to EHLO.
  void open(std::string_view extensions, bool is_encrypted = false) {
    session_.emplace(settings_, Instant{}, is_encrypted);
    EXPECT_EQ(hear("220 mx\r\n"), "");
    EXPECT_EQ(said(), settings_.lmtp ? "LHLO localhost\r\n" : "EHLO localhost\r\n");
    heard_ = hear(extensions);
  }

  std::string hear(std::string_view text) {
    std::string events;
    while (true) {
      const std::size_t taken = session_->receive(bytes_of(text), {});
      text.remove_prefix(taken);
      const auto event = session_->next_event();
      if (event) events += name_of(*event);
      if (!event && taken == 0) break;
    }
    rest_ = text;
    return events;
  }

  std::string name_of(const ClientEvent& event) {
    if (std::holds_alternative<HandshakeWanted>(event)) return "handshake";
    if (std::holds_alternative<Ready>(event)) return "ready";
    const auto* ended = std::get_if<Ended>(&event);
    if (ended == nullptr) return "?";
    return fmt::format("ended {} {}", static_cast<int>(ended->reason), ended->reply.text);
  }

  std::string said() {
    const std::string text(text_of(session_->transmit()));
    session_->transmitted(text.size());
    return text;
  }

  void encrypt() {
    EXPECT_EQ(heard_, "");
    EXPECT_EQ(said(), "STARTTLS\r\n");
    EXPECT_EQ(hear("220 go\r\n"), "handshake");
    EXPECT_EQ(said(), "");
    session_->encrypted({});
    EXPECT_EQ(said(), "EHLO localhost\r\n");
  }

  ClientSettings settings_;
  std::optional<ClientSession> session_;
  std::string heard_, rest_;
};

TEST_F(ClientOpening, TlsIsNotAskedForWhereItIsNotWanted) {
  open(offers);
  EXPECT_EQ(heard_, "ready");
  EXPECT_EQ(said(), "");
}

TEST_F(ClientOpening, BeginsAnewWithinTls) {
  settings_.start_tls = StartTls::WhenOffered;
  open(offers);
  encrypt();
  EXPECT_FALSE(session_->announced().pipelining);
  EXPECT_EQ(hear("250-mx\r\n250-STARTTLS\r\n250 CHUNKING\r\n"), "ready");
  EXPECT_EQ(said(), "");
  // RFC 3207 4.2: what was announced before does not count.
  EXPECT_FALSE(session_->announced().pipelining);
  EXPECT_TRUE(session_->announced().chunking);
}

TEST_F(ClientOpening, AHelloThatWasOldBeforeIsNewWithinTls) {
  settings_.start_tls = StartTls::WhenOffered;
  open("500 what\r\n");
  EXPECT_EQ(said(), "HELO localhost\r\n");
  EXPECT_EQ(hear("250 mx\r\n"), "ready");  // HELO announces nothing
}

TEST_F(ClientOpening, OctetsBehindTheReplyToStarttlsAreNotRead) {
  settings_.start_tls = StartTls::Required;
  open(offers);
  EXPECT_EQ(said(), "STARTTLS\r\n");
  EXPECT_EQ(hear("220 go\r\n250 injected\r\n"), "handshake");
  EXPECT_EQ(rest_, "250 injected\r\n");
  EXPECT_EQ(hear("250 more\r\n"), "");
  EXPECT_EQ(rest_, "250 more\r\n");
}

TEST_F(ClientOpening, AServerThatRefusesWhatItOffered) {
  settings_.start_tls = StartTls::WhenOffered;
  open(offers);
  EXPECT_EQ(said(), "STARTTLS\r\n");
  EXPECT_EQ(hear("454 not now\r\n"), "ready");

  settings_.start_tls = StartTls::Required;
  open(offers);
  EXPECT_EQ(said(), "STARTTLS\r\n");
  EXPECT_EQ(hear("454 not now\r\n"), "ended 1 not now");
  EXPECT_EQ(said(), "QUIT\r\n");
}

TEST_F(ClientOpening, AServerWithoutWhatIsRequired) {
  settings_.start_tls = StartTls::Required;
  open("250-mx\r\n250 PIPELINING\r\n");
  EXPECT_EQ(heard_, "ended 1 Server does not offer STARTTLS, which is required");
  EXPECT_EQ(said(), "QUIT\r\n");
}

TEST_F(ClientOpening, ImplicitTlsNeedsNoStarttls) {
  settings_.start_tls = StartTls::Required;
  open(offers, true);
  EXPECT_EQ(heard_, "ready");
  EXPECT_EQ(said(), "");
}

TEST_F(ClientOpening, TheHandshakeHasADeadline) {
  settings_.start_tls = StartTls::Required;
  open(offers);
  EXPECT_EQ(said(), "STARTTLS\r\n");
  hear("220 go\r\n");
  EXPECT_EQ(session_->deadline(), Instant{} + settings_.timeouts.command);
  session_->expire(session_->deadline());
  EXPECT_EQ(hear(""), "ended 4 Server did not answer in time");
  session_->encrypted({});  // too late, and no mistake of the owner's
  EXPECT_EQ(said(), "");
}

TEST_F(ClientOpening, LogsInByPlain) {
  settings_.login = ClientLogin{"alice@example", Secret("s\xc3\xa9same")};
  open(offers, true);
  EXPECT_EQ(said(), "AUTH PLAIN " +
                        base64_encode(std::string_view("\0alice@example\0s\xc3\xa9same", 22)) +
                        "\r\n");
  EXPECT_EQ(hear("235 2.7.0 welcome\r\n"), "ready");
}

TEST_F(ClientOpening, LogsInByLoginWhereThereIsNoPlain) {
  settings_.login = ClientLogin{"alice", Secret("secret")};
  open("250-mx\r\n250 AUTH=CRAM-MD5 login\r\n", true);
  EXPECT_EQ(said(), "AUTH LOGIN\r\n");
  EXPECT_EQ(hear("334 VXNlcm5hbWU6\r\n"), "");
  EXPECT_EQ(said(), base64_encode("alice") + "\r\n");
  EXPECT_EQ(hear("334 UGFzc3dvcmQ6\r\n"), "");
  EXPECT_EQ(said(), base64_encode("secret") + "\r\n");
  EXPECT_EQ(hear("235 welcome\r\n"), "ready");
}

TEST_F(ClientOpening, LogsInAfterStarttls) {
  settings_.start_tls = StartTls::WhenOffered;
  settings_.login = ClientLogin{"alice", Secret("secret")};
  open(offers);
  encrypt();
  EXPECT_EQ(hear("250-mx\r\n250 AUTH PLAIN\r\n"), "");
  EXPECT_EQ(said(),
            "AUTH PLAIN " + base64_encode(std::string_view("\0alice\0secret", 13)) + "\r\n");
}

TEST_F(ClientOpening, NothingSecretIsSaidInTheClear) {
  settings_.login = ClientLogin{"alice", Secret("secret")};
  open("250-mx\r\n250 AUTH PLAIN LOGIN\r\n");
  EXPECT_EQ(heard_, "ended 1 Not logged in, since the connection is not encrypted");
  EXPECT_EQ(said(), "QUIT\r\n");

  settings_.start_tls = StartTls::WhenOffered;
  open(offers);
  EXPECT_EQ(said(), "STARTTLS\r\n");
  EXPECT_EQ(hear("454 not now\r\n"),
            "ended 1 Not logged in, since the connection is not encrypted");
  EXPECT_EQ(said(), "QUIT\r\n");
}

TEST_F(ClientOpening, AServerThatDoesNotWantUs) {
  settings_.login = ClientLogin{"alice", Secret("wrong")};
  open(offers, true);
  said();
  EXPECT_EQ(hear("535 5.7.8 no\r\n"), "ended 1 no");
  EXPECT_EQ(said(), "QUIT\r\n");

  open("250-mx\r\n250 AUTH CRAM-MD5\r\n", true);
  EXPECT_EQ(heard_, "ended 1 Server offers no AUTH by PLAIN or LOGIN");
}

TEST_F(ClientOpening, AChallengeWithoutEndIsCancelled) {
  settings_.login = ClientLogin{"alice", Secret("secret")};
  open(offers, true);
  said();
  EXPECT_EQ(hear("334 more\r\n"), "ended 1 Server's challenge not understood");
  EXPECT_EQ(said(), "*\r\nQUIT\r\n");
}

}  // namespace
}  // namespace ringpost::smtp
