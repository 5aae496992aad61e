// The client's side of SMTP (RFC 5321) and LMTP (RFC 2033), with PIPELINING, BDAT, SIZE, 8BITMIME,
// SMTPUTF8 and DSN where the server announces them, STARTTLS and AUTH where they are wanted.
// Sans-IO: octets and time in, octets and events out. Every failure, the peer's or the network's,
// becomes one RecipientDone per recipient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/base/secret.h"
#include "proto/smtp/announced.h"
#include "proto/smtp/dsn_parameters.h"
#include "proto/smtp/event.h"
#include "proto/smtp/reply_parser.h"

namespace ringpost::smtp {

// RFC 5321 4.5.3.2
struct ClientTimeouts {
  Duration greeting = seconds(300);
  Duration command = seconds(300);          // EHLO, STARTTLS and its handshake, AUTH, MAIL, RCPT
  Duration content_command = seconds(120);  // DATA until 354
  Duration content_block = seconds(180);    // between two calls of content_progressed()
  Duration content_end = seconds(600);
  Duration closing = seconds(10);  // RSET and QUIT: nothing depends on the reply any more
};

// RFC 3207, on a connection that is not encrypted from its beginning.
enum class StartTls : std::uint8_t {
  Never,
  WhenOffered,  // a server that offers it and then refuses it is spoken to without
  Required,     // or the session ends before anything is said of a message
};

// RFC 4954. Never said to anybody over a connection that is not encrypted.
struct ClientLogin {
  std::string user;
  Secret password;
};

// Shared by the sessions of one route; must outlive them.
struct ClientSettings {
  std::string name = "localhost";  // what EHLO says: a domain or an address literal
  bool lmtp = false;
  bool pipelining = true;  // when announced
  bool chunking = false;   // BDAT instead of DATA, when announced
  StartTls start_tls = StartTls::Never;
  std::optional<ClientLogin> login{};  // the session is of no use without it
  unsigned commands_in_flight_max = 100;
  // With BDAT and PIPELINING, content up to this size leaves before the replies to RCPT are known.
  std::uint64_t content_ahead_octets_max = 65'536;
  ClientTimeouts timeouts{};
};

struct OutgoingRecipient {
  std::string_view path;  // as to_text(ForwardPath) prints it
  NotifySet notify{};
  std::string_view original_recipient{};  // ORCPT as it stood in the envelope
};

struct OutgoingMessage {
  std::string_view sender;  // as to_text(ReversePath) prints it; empty is the null path
  std::span<const OutgoingRecipient> recipients;  // at least one
  std::uint64_t octets = 0;                       // of the content, before dots are stuffed
  BodyType body = BodyType::Unspecified;
  bool smtputf8 = false;
  ReturnContent ret = ReturnContent::Unspecified;
  std::string_view envelope_id{};
  // No content unless every recipient was accepted: then nobody gets the message.
  bool all_or_nobody = false;
};

// The server waits for the handshake of TLS. Anything it sent behind its reply has to end the
// connection (RFC 3207 6: it came from somebody else); then encrypted().
struct HandshakeWanted {};

// The greeting, EHLO, STARTTLS and AUTH are over, or the last message is: begin() or quit() may be
// called.
struct Ready {};

// Now send what transmit() holds, then the content, then call content_sent(). With `chunked` the
// content goes as it is and must have exactly the octets that begin() named; otherwise through a
// DataEncoder.
struct ContentWanted {
  bool chunked = false;
};

// The outcome for one recipient, once for each of the message's.
struct RecipientDone {
  std::size_t recipient = 0;
  ReplyView reply;         // 2yz: the server has taken responsibility (RFC 5321 4.2.5)
  bool local = false;      // the reply is ours (timeout, lost connection), not the server's
  bool uncertain = false;  // failed, but the server had all of the content: it may deliver
};

// Every recipient is done; nothing of begin()'s argument is needed any more.
struct MessageDone {};

enum class EndReason : std::uint8_t {
  Quit,
  Refused,
  PeerClosing,
  ConnectionLost,
  TimedOut,
  Violation
};

// The last event. After Refused transmit() holds QUIT; otherwise nothing more needs to be sent.
struct Ended {
  EndReason reason = EndReason::Quit;
  ReplyView reply;  // the server's where it gave one
};

using ClientEvent =
    std::variant<HandshakeWanted, Ready, ContentWanted, RecipientDone, MessageDone, Ended>;

class ClientSession {
 public:
  // The connection stands, within TLS already or not. `settings` must outlive the session.
  ClientSession(const ClientSettings& settings, Instant now, bool is_encrypted = false);

  // Takes a prefix of what the server sent; stops while an event is pending, or while a reply has
  // to wait for content_sent(). Keeps no reference.
  std::size_t receive(Bytes octets, Instant now);
  // Views in the event live until the next call of receive().
  std::optional<ClientEvent> next_event();

  // After HandshakeWanted: what follows goes through TLS; RFC 3207 4.2: all begins anew with EHLO.
  void encrypted(Instant now);
  // After Ready. What `message` views must live until MessageDone.
  void begin(const OutgoingMessage& message, Instant now);
  // Between ContentWanted and content_sent(): some of the content has left.
  void content_progressed(Instant now);
  // All of the content is on its way, for DATA with DataEncoder's end.
  void content_sent(Instant now);
  // After Ready: ends the session politely; Ended follows.
  void quit(Instant now);

  // Octets for the server, in order; valid until the next call of another function.
  Bytes transmit() const { return bytes_of(out_).subspan(out_taken_); }
  void transmitted(std::size_t octets);

  // When to call expire(); never while the session is Ready.
  Instant deadline() const { return deadline_; }
  void expire(Instant now);
  // The peer closed, or the connection broke; after everything it sent went through receive().
  void disconnected();

  bool ended() const { return state_ == State::Ended; }
  const Announced& announced() const { return announced_; }

 private:
  enum class State : std::uint8_t {
    Greeting,
    Hello,
    StartingTls,
    Handshake,
    LoggingIn,
    Idle,
    Transaction,
    Final,
    Resetting,
    Quitting,
    Ended
  };
  enum class Content : std::uint8_t { None, Wanted, Open, Sent };

  bool event_pending() const;
  bool has_unreported() const { return unreported_ > 0; }
  std::optional<RecipientDone> next_outcome();

  void take_reply(Instant now);
  void take_greeting(const ReplyView& reply);
  void take_hello(const ReplyView& reply);
  void say_hello();
  void go_on_after_hello();
  void take_start_tls(const ReplyView& reply);
  void say_encoded(std::string_view text);
  void begin_login();
  void take_login(const ReplyView& reply);
  void refuse_server(const ReplyView& why);
  void take_transaction(const ReplyView& reply);
  void take_recipient(std::size_t recipient, const ReplyView& reply);
  void take_content_command(const ReplyView& reply);
  void take_final(const ReplyView& reply);
  void after_transaction_step(Instant now);

  void issue_commands();
  bool may_issue() const;
  bool content_is_wanted() const;
  void issue_mail();
  void issue_recipient(const OutgoingRecipient& recipient);
  void issue_content_command();
  std::optional<ReplyView> refused_here() const;

  void settle_one(std::size_t recipient, const ReplyView& reply);
  void settle_all(const ReplyView& reply, bool local);
  void cut_off(EndReason reason, const ReplyView& reply);
  void end(EndReason reason, const ReplyView& reply, bool local);
  void arm(Instant now);
  bool uses_chunks() const { return settings_.chunking && announced_.chunking; }
  bool may_pipeline() const { return settings_.pipelining && announced_.pipelining; }
  std::size_t content_command() const { return message_.recipients.size() + 1; }

  const ClientSettings& settings_;
  ReplyParser parser_;
  Announced announced_;
  State state_ = State::Greeting;
  bool old_hello_ = false;  // HELO, because EHLO was refused
  bool is_encrypted_ = false;
  bool handshake_told_ = false;
  unsigned login_step_ = 0;  // lines of AUTH LOGIN that were answered
  bool ready_told_ = false;
  bool ended_told_ = false;
  EndReason end_reason_ = EndReason::Quit;
  ReplyView end_reply_;

  // The message of begin(), until MessageDone.
  OutgoingMessage message_;
  bool in_message_ = false;
  bool mail_failed_ = false;
  bool needs_reset_ = false;
  bool final_held_ = false;  // the final reply came before content_sent()
  Content content_ = Content::None;
  std::size_t issued_ = 0;    // commands: MAIL, then RCPT for each, then DATA or BDAT
  std::size_t answered_ = 0;  // replies to them
  std::size_t accepted_ = 0;
  std::size_t unreported_ = 0;
  std::vector<bool> reported_;

  // Outcomes that are known and not told yet: one recipient's, then that of all that remain.
  std::optional<RecipientDone> one_outcome_;
  bool all_settled_ = false;
  ReplyView all_reply_;
  bool all_local_ = false;

  std::string out_;
  std::size_t out_taken_ = 0;
  Instant deadline_ = never;
};

}  // namespace ringpost::smtp
