// What the server dialogue asks of, or tells, its owner. A closed set: std::visit names every case.
// Marked "asked": the dialogue stands still until ServerSession::answer(). The others are told, in
// order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "proto/base/bytes.h"
#include "proto/base/secret.h"
#include "proto/mail/header_scan.h"
#include "proto/smtp/dsn_parameters.h"
#include "proto/smtp/path.h"

namespace ringpost::smtp {

enum class BodyType : std::uint8_t { Unspecified, SevenBit, EightBitMime };

// Asked before the banner. Accept: 220. Refuse with 421 (closes) or 554 (waits for QUIT, RFC
// 5321 3.1).
struct Opened {
  bool operator==(const Opened&) const = default;
};

// Asked at HELO and EHLO. `name` is what the client said: 1 to 255 printable octets without blanks,
// not verified, not to be put into a header as it is (mail/received.h makes it safe).
struct HelloReceived {
  std::string name;
  bool extended = false;  // EHLO

  bool operator==(const HelloReceived&) const = default;
};

// Asked at STARTTLS. Accept: 220, after which the owner sends what transmit() holds, drops whatever
// else it has received, sets TLS up and says secured(). RFC 3207 4
struct StartTlsReceived {
  bool operator==(const StartTlsReceived&) const = default;
};

// Asked at AUTH and at every response of the client in its exchange (RFC 4954). 334 with a
// challenge in base64 as its text goes on with the exchange; everything else ends it, 235 with
// success.
struct AuthStep {
  std::string mechanism = {};           // upper case; empty: a response to the last challenge
  std::optional<Secret> response = {};  // decoded; nothing: AUTH came without an initial one
};

// Told: the client cancelled the exchange, or broke it.
struct AuthAborted {
  bool operator==(const AuthAborted&) const = default;
};

// Asked at MAIL.
struct MailFrom {
  ReversePath sender;
  std::optional<std::uint64_t> size;  // as announced; already held against the limit
  BodyType body = BodyType::Unspecified;
  bool smtputf8 = false;
  ReturnContent ret = ReturnContent::Unspecified;
  std::string envelope_id;    // xtext, empty when not given
  bool names_author = false;  // AUTH= was given, and is not believed (RFC 4954 5)

  bool operator==(const MailFrom&) const = default;
};

// Asked at RCPT. Only an accepted one counts as a recipient.
struct RcptTo {
  ForwardPath recipient;
  NotifySet notify;
  std::string original_recipient;  // "rfc822;xtext", empty when not given

  bool operator==(const RcptTo&) const = default;
};

// Asked at DATA before 354, and at the first BDAT of a message before its octets are looked at.
struct ContentBegin {
  bool chunked = false;  // BDAT

  bool operator==(const ContentBegin&) const = default;
};

// Told: the next octets of the content, never empty. The slice lies in what receive() was given,
// except for a lone CR in static storage; valid until the next call of receive() or next_event().
struct Content {
  Bytes slice;
};

// Asked at RSET, NOOP, HELP and QUIT, if the owner wants to be: ask_small_commands(). Accept: they
// do what they always do.
struct SmallCommand {
  enum class Kind : std::uint8_t { Rset, Noop, Help, Quit };
  Kind kind = Kind::Noop;

  bool operator==(const SmallCommand&) const = default;
};

// Asked at the end of the content: accept (250) only when the message is durable.
struct ContentEnd {
  std::uint64_t octets = 0;   // of all Content slices together
  mail::HeaderFields fields;  // header fields that were seen

  bool operator==(const ContentEnd&) const = default;
};

enum class AbortReason : std::uint8_t {
  TooBig,
  BareLineEnd,
  TooManyReceived,
  Reset,           // RSET, EHLO or a broken BDAT between chunks
  ConnectionLost,  // also QUIT between chunks
  TimedOut,
  ShutDown,
};

// Told: the content begun comes to nothing; throw it away. The dialogue replies by itself. The
// reason is what was noticed first, which may depend on how the content arrived; the reply names
// the worst of several.
struct ContentAborted {
  AbortReason reason = AbortReason::Reset;

  bool operator==(const ContentAborted&) const = default;
};

// Told: the transaction ended without a message (RSET, or another EHLO after MAIL).
struct Reset {
  bool operator==(const Reset&) const = default;
};

enum class ViolationKind : std::uint8_t { Syntax, Sequence, LineTooLong, BareLineEnd };

// Told: the client broke the protocol and was refused; for the log and the counters.
struct Violation {
  ViolationKind kind = ViolationKind::Syntax;

  bool operator==(const Violation&) const = default;
};

enum class CloseReason : std::uint8_t {
  Quit,
  Refused,  // the owner answered with 421
  TooManyErrors,
  TooManyMessages,
  BrokenChunk,  // a BDAT whose size cannot be known: what follows is not to be read as commands
  TimedOut,
  ShutDown,
  ConnectionLost,
};

// Told once, as the last event of all. Octets of transmit() may still be waiting for the peer.
struct Closed {
  CloseReason reason = CloseReason::Quit;

  bool operator==(const Closed&) const = default;
};

using Event = std::variant<Opened, HelloReceived, StartTlsReceived, AuthStep, AuthAborted, MailFrom,
                           RcptTo, ContentBegin, Content, SmallCommand, ContentEnd, ContentAborted,
                           Reset, Violation, Closed>;

}  // namespace ringpost::smtp
