// The server side of an SMTP dialogue (RFC 5321, and 1870, 2034, 2920, 3030, 3207, 3461, 4954,
// 6152, 6531) as a machine without I/O. The peer's errors become replies; calls out of turn are
// ours and CHECKed. Owned by one connection, used on one core; holds a few hundred octets while
// idle, no heap but replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/mail/header_scan.h"
#include "proto/smtp/command.h"
#include "proto/smtp/data_decoder.h"
#include "proto/smtp/event.h"
#include "proto/smtp/line_reader.h"
#include "proto/smtp/reply.h"
#include "proto/smtp/session_table.h"

namespace ringpost::smtp {

// Replies not yet sent above which no further command is read: what a peer that does not read can
// pile up.
inline constexpr std::size_t unsent_replies_octets_max = 4096;

// RFC 4954 4: a line of an AUTH exchange, its CRLF included.
inline constexpr std::size_t auth_line_octets_max = 12'288;

struct SessionLimits {
  // RFC 5321 4.5.3.1.4: 512, and what SIZE, BODY, RET, ENVID, ORCPT, NOTIFY and SMTPUTF8 add to it.
  std::size_t command_line_octets_max = 2048;
  std::uint32_t recipients_max = 1000;  // RFC 5321 4.5.3.1.8: 100 or more; per transaction
  std::uint32_t messages_max = 100;     // per session
  std::uint64_t message_octets_max = 35ull * 1024 * 1024;
  std::uint32_t errors_max = 20;            // since the last accepted message
  std::uint32_t received_fields_max = 100;  // more is a loop, RFC 5321 6.3
  Duration idle = seconds(300);             // RFC 5321 4.5.3.2.7
  Duration total = seconds(7200);           // life of a session
  BareLineEnds bare_line_ends = BareLineEnds::Refuse;
};

// The owner's word on an asked event. Views its text only during answer().
class Decision {
 public:
  // Go on, with the reply that belongs to the event. (Opened and HelloReceived have no other.)
  static constexpr Decision accept() { return Decision(ReplyView{}); }
  // Go on (2xx), or refuse (4xx, 5xx) with this reply; 421 also ends the session.
  constexpr Decision(const ReplyView& reply) : reply_(reply) {}
  Decision(const Reply& reply) : reply_(reply.view()) {}

  // Refuse with this reply, 4xx or 5xx, and end the session.
  static constexpr Decision last(const ReplyView& reply) {
    Decision decision(reply);
    decision.is_last_ = true;
    return decision;
  }

  constexpr bool accepts() const { return reply_.code == 0 || reply_.is_positive(); }
  constexpr ReplyView reply_or(const ReplyView& usual) const {
    return reply_.code == 0 ? usual : reply_;
  }
  constexpr bool is_last() const { return is_last_ || reply_.code == 421; }

 private:
  ReplyView reply_;
  bool is_last_ = false;
};

// Whether a session offers STARTTLS, and whether anything goes without it.
enum class TlsOffer : std::uint8_t { None, Offered, Required };

// What content with such a flaw is told.
ReplyView verdict(AbortReason flaw);

class ServerSession {
 public:
  // `limits` and `server_name` must outlive the session (the listener's configuration owns them).
  // The first event, Opened, is there at once.
  ServerSession(const SessionLimits& limits, std::string_view server_name, Instant now);

  // Takes a prefix of what the peer sent and tells how much; keeps no reference to it but a Content
  // slice. Takes less than all when an event is pending (take it, answer it, then offer the rest
  // again), or when unsent_replies_octets_max is reached (offer the rest again after
  // transmitted()). After the end everything is taken and ignored.
  std::size_t receive(Bytes octets, Instant now);

  // No DSN extension in this session (RFC 3461): not offered, its parameters refused. Before the
  // first octet.
  void withhold_dsn() { offers_dsn_ = false; }

  // RFC 6409 4.2, for who submits mail: from now on addresses of MAIL and RCPT that have no domain
  // get the server's name instead of being refused. So it is for every client that authenticates.
  void complete_addresses() { completes_addresses_ = true; }

  // STARTTLS. Before the first octet.
  void offer_tls(TlsOffer offer) { tls_offer_ = offer; }
  // What follows is under TLS: after STARTTLS was accepted, or before the first octet.
  // RFC 3207 4.2: the dialogue starts anew, without a banner.
  void secured(Instant now);
  // STARTTLS was accepted and secured() has not followed: nothing is read, and there is no
  // deadline.
  bool awaits_tls() const { return phase_ == Phase::AwaitsTls && !ended_; }
  // AUTH with these mechanisms, "PLAIN LOGIN", announced from the next EHLO on: under TLS only, 538
  // before. None: 502.
  void offer_auth(std::string_view mechanisms) { auth_mechanisms_ = mechanisms; }
  // MAIL is refused (530) until the client is authenticated.
  void demand_auth() { demands_auth_ = true; }
  bool is_authenticated() const { return authenticated_; }

  // SmallCommand is asked from now on.
  void ask_small_commands() { asks_small_commands_ = true; }

  // Calls `watch` with every command line as it was read, without its line end, before it is acted
  // upon: for a log of the dialogue and for counting. What may be a secret is "***" in it. The line
  // is valid during the call.
  using CommandWatch = std::move_only_function<void(std::string_view line)>;
  void watch_commands(CommandWatch watch) { watch_ = std::move(watch); }

  // The next event, or nothing: then it is the peer's turn, or the owner's to answer.
  std::optional<Event> next_event();

  // Resolves the event that was asked, now or much later. Ignored once the session has ended.
  void answer(const Decision& decision, Instant now);
  // True from taking an asked event until answering it.
  bool awaits_answer() const { return asked_ != Asked::Nothing && !event_; }

  // Replies in order, ready for the peer; valid until the next call that is not const.
  // RFC 2920 3.2: the replies to a group of commands gather here, in order.
  Bytes transmit() const { return bytes_of(output_).subspan(output_sent_); }
  void transmitted(std::size_t octets);

  // True after the end: send what transmit() still holds, then close.
  bool wants_close() const { return ended_; }

  // When to call expire(); `never` while the owner owes an answer and after the end.
  Instant deadline() const;
  // Ends the session with 421 4.4.2 if the deadline has passed.
  void expire(Instant now);
  // Ends it with 421 4.3.2 at the next command boundary; content under way is finished first.
  void shut_down();
  // The peer is gone: content under way is aborted, nothing more is sent.
  void disconnected();

 private:
  enum class Asked : std::uint8_t {
    Nothing,
    Opened,
    Hello,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    DataBegin,
    ChunkBegin,
    ContentEnd,
    SmallCommand,
  };
  enum class Phase : std::uint8_t { Commands, Auth, Data, Chunk, AwaitsTls };

  std::string_view missing_domain() const {
    return completes_addresses_ || authenticated_ ? server_name_ : std::string_view{};
  }
  bool has_event() const;
  bool may_read() const;
  bool is_in_transaction() const;
  Admission admit(Verb verb) const;
  std::size_t receive_command(Bytes octets);
  std::size_t receive_auth_response(Bytes octets);
  std::size_t receive_data(Bytes octets);
  std::size_t receive_chunk(Bytes octets);
  void command(std::string_view line);
  void show(std::string_view line);

  // One per verb, in verb_*.cpp.
  void hello(Verb verb, std::string_view arguments);
  void start_tls(std::string_view arguments);
  void auth(std::string_view arguments, Admission admitted);
  void auth_response(std::string_view line);
  void abort_auth(const ReplyView& reply, ViolationKind kind);
  void mail(std::string_view arguments);
  void rcpt(std::string_view arguments);
  void data(std::string_view arguments);
  void bdat(std::string_view arguments, Admission admitted);
  void other(Verb verb, std::string_view arguments);
  void do_small_command(SmallCommand::Kind kind);

  void opened_answered(const Decision& decision);
  void hello_answered(const Decision& decision);
  void start_tls_answered(const Decision& decision);
  void auth_answered(const Decision& decision);
  void mail_answered(const Decision& decision);
  void rcpt_answered(const Decision& decision);
  void data_begin_answered(const Decision& decision);
  void chunk_begin_answered(const Decision& decision);
  void content_end_answered(const Decision& decision);
  void small_command_answered(const Decision& decision);
  void refused_by_owner(const Decision& decision);

  void begin_content();
  void take_content(Bytes slice);
  void read_chunk();
  void chunk_ended();
  void pass_over_chunk(const ReplyView& reply);
  void content_ended();
  void abort_content(AbortReason reason);
  // What is wrong with the content so far; the worst of several.
  std::optional<AbortReason> flaw(bool at_end = false) const;
  void end_transaction();
  void drop_transaction(AbortReason reason);

  void ask(Asked what, Event event);
  void say(const ReplyView& reply);
  void refuse(const ReplyView& reply, ViolationKind kind);
  void count_error();
  void drain();
  void end(const ReplyView* last_words, CloseReason reason, AbortReason abort);

  const SessionLimits* limits_;
  std::string_view server_name_;
  Instant last_activity_;
  Instant total_deadline_;

  CommandWatch watch_;
  LineReader line_;
  std::string auth_mechanisms_;
  std::string output_;
  std::size_t output_sent_ = 0;

  // Events wait here, told in this order.
  Bytes content_due_;
  std::optional<AbortReason> abort_due_;
  bool reset_due_ = false;
  bool auth_aborted_due_ = false;
  std::optional<Event> event_;
  std::optional<ViolationKind> violation_due_;
  std::optional<CloseReason> closed_due_;

  Asked asked_ = Asked::Nothing;
  Phase phase_ = Phase::Commands;
  State state_ = State::Connected;
  bool ended_ = false;
  bool draining_ = false;
  bool asks_small_commands_ = false;
  SmallCommand small_command_;  // that was asked last
  bool offers_dsn_ = true;
  bool completes_addresses_ = false;
  bool secured_ = false;
  TlsOffer tls_offer_ = TlsOffer::None;
  bool hello_extended_ = false;
  bool demands_auth_ = false;
  bool authenticated_ = false;
  bool auth_tried_ = false;
  bool smtputf8_ = false;
  bool content_open_ = false;  // ContentBegin accepted, neither ended nor aborted
  bool chunk_last_ = false;
  bool chunk_out_of_turn_ = false;  // not admitted: passed over, then refused

  std::uint32_t recipients_ = 0;
  std::uint32_t messages_ = 0;
  std::uint32_t errors_ = 0;

  // The content under way.
  DataDecoder decoder_;
  mail::HeaderScan header_;
  std::uint64_t chunk_octets_left_ = 0;
  std::uint64_t content_octets_ = 0;
  Reply chunk_refusal_;  // code 0, or what the chunk that is passed over is told at its end
};

}  // namespace ringpost::smtp
