// Every event that the daemon logs: a closed set of structs with typed fields, one logfmt line
// each. Views need only live until emit() returns. No field ever holds a secret; what a client
// sends after AUTH is not an event. A new event is a struct here and a name in AllEvents.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "engine/observe/auth_event.h"
#include "engine/observe/dmarc_event.h"
#include "engine/observe/filter_event.h"
#include "engine/observe/level.h"
#include "engine/observe/logfmt.h"
#include "engine/observe/reason.h"
#include "engine/observe/tls_event.h"
#include "engine/observe/trace_event.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/queue_id.h"

namespace ringpost::observe {

// ---- the three main lines

// A message is ours: its Envelope record is durable and the 250 is on its way.
struct MessageAccepted {
  static constexpr std::string_view name = "message.accepted";
  static constexpr Level level = Level::Brief;
  QueueId id = {};
  SessionId session = {};
  std::string_view client = {};  // address of the client, "local:UID" for the local socket
  std::string_view helo = {};
  std::string_view from = {};  // reverse-path without angle brackets; empty for <>
  std::string_view user = {};  // as whom the client is authenticated; empty: not at all
  std::uint32_t recipients = 0;
  std::uint64_t octets = 0;  // content as received, trace fields not counted
  Duration elapsed = {};     // from MAIL to durable
  void fields(auto&& field) const {
    field("id", id), field("session", session), field("client", client), field("helo", helo);
    field("from", from);
    if (!user.empty()) field("user", user);
    field("recipients", recipients), field("octets", octets), field("elapsed", elapsed);
  }
};

// One try for one recipient came to an end.
struct AttemptFinished {
  static constexpr std::string_view name = "attempt.finished";
  static constexpr Level level = Level::Brief;
  QueueId id = {};
  std::uint32_t recipient = 0;  // index in the envelope, from 0
  std::string_view to = {};
  std::string_view action = {};  // name of the action in smtpd.conf
  AttemptResult result = AttemptResult::Delivered;
  std::string_view status = {};  // enhanced status code, "2.0.0"
  std::string_view detail = {};  // maildir path, or what went wrong
  std::string_view tls = {};     // of the connection to the server that said so; empty: none
  std::uint32_t attempt = 1;     // counts from 1
  Duration elapsed = {};         // of this attempt
  Duration delay = {};           // since the message was accepted
  void fields(auto&& field) const {
    field("id", id), field("recipient", recipient), field("to", to), field("action", action);
    field("result", to_text(result)), field("status", status), field("detail", detail);
    if (!tls.empty()) field("tls", tls);
    field("attempt", attempt), field("elapsed", elapsed), field("delay", delay);
  }
};

// A session with a server could not be encrypted.
struct RelayTlsFailed {
  static constexpr std::string_view name = "relay.tls_failed";
  static constexpr Level level = Level::Brief;
  std::string_view server = {};
  std::string_view problem = {};
  bool in_clear = false;  // it is spoken to without
  void fields(auto&& field) const {
    field("server", server), field("problem", problem);
    field("then", in_clear ? "in the clear" : "not used");
  }
};

// A sender is told what became of a message; the report is a message of its own, and durable.
struct ReportQueued {
  static constexpr std::string_view name = "report.queued";
  static constexpr Level level = Level::Brief;
  QueueId id = {};
  QueueId about = {};
  std::string_view to = {};      // the sender of the message
  std::uint32_t recipients = 0;  // of the message, that the report tells of
  bool failed = false;           // one of them got nothing and will not
  void fields(auto&& field) const {
    field("id", id), field("about", about), field("to", to), field("recipients", recipients);
    field("failed", failed);
  }
};

// A report that should be signed is not, as the key process did not answer.
struct ReportUnsigned {
  static constexpr std::string_view name = "report.unsigned";
  static constexpr Level level = Level::Brief;
  QueueId id = {};
  void fields(auto&& field) const { field("id", id); }
};

struct SessionClosed {
  static constexpr std::string_view name = "session.closed";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view client = {};
  std::string_view proxy = {};   // by which the client came; empty: by itself
  std::string_view rdns = {};    // what the DNS calls the client; empty: nothing, or not known yet
  std::string_view fcrdns = {};  // "yes" when that name leads back to it, "no", "error"
  std::string_view helo = {};
  std::string_view tls = {};  // "TLSv1.3"; empty: none
  std::string_view cipher = {};
  bool resumed = false;
  std::string_view user = {};  // as whom it was authenticated; empty: not at all
  CloseReason reason = CloseReason::Quit;
  std::uint32_t messages = 0;  // accepted
  std::uint64_t octets = 0;    // received from the client in all
  std::uint32_t commands = 0;
  std::uint32_t errors = 0;
  Duration elapsed = {};
  void fields(auto&& field) const {
    field("session", session), field("client", client);
    if (!proxy.empty()) field("proxy", proxy);
    field("rdns", rdns), field("fcrdns", fcrdns), field("helo", helo);
    if (!tls.empty()) field("tls", tls), field("cipher", cipher), field("resumed", resumed);
    if (!user.empty()) field("user", user);
    field("reason", to_text(reason)), field("messages", messages), field("octets", octets);
    field("commands", commands), field("errors", errors), field("elapsed", elapsed);
  }
};

// ---- what was turned away

struct ConnectionRefused {
  static constexpr std::string_view name = "connection.refused";
  static constexpr Level level = Level::Brief;
  std::string_view client = {};
  RefuseReason reason = RefuseReason::Connections;
  std::uint64_t used = 0;  // of the limit that refused
  std::uint64_t max = 0;
  void fields(auto&& field) const {
    field("client", client), field("reason", to_text(reason)), field("used", used);
    field("max", max);
  }
};

// A connection to a listener of proxies that says for whom it comes in no way that counts.
struct ProxyRefused {
  static constexpr std::string_view name = "proxy.refused";
  static constexpr Level level = Level::Brief;
  std::string_view proxy = {};     // who connected
  std::string_view listener = {};  // as written
  std::string_view reason = {};
  void fields(auto&& field) const {
    field("proxy", proxy), field("listener", listener), field("reason", reason);
  }
};

// Content was read and then refused: too large, a loop, a forbidden line end, the spool.
struct MessageRefused {
  static constexpr std::string_view name = "message.refused";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view client = {};
  std::string_view from = {};
  std::uint64_t octets = 0;
  std::string_view reply = {};  // "552 5.3.4 …"
  void fields(auto&& field) const {
    field("session", session), field("client", client), field("from", from);
    field("octets", octets), field("reply", reply);
  }
};

// ---- the spool

// A write or sync of the spool failed. Clients get 451; nothing acknowledged is touched.
struct SpoolFault {
  static constexpr std::string_view name = "spool.fault";
  static constexpr Level level = Level::Brief;
  Fault fault = {};
  std::uint32_t log = 0;
  std::uint32_t segment = 0;
  std::uint64_t tickets_failed = 0;  // commits that were waiting and were told 451
  void fields(auto&& field) const {
    field("error", fault), field("log", log), field("segment", segment);
    field("tickets_failed", tickets_failed);
  }
};

struct SpoolRecovered {
  static constexpr std::string_view name = "spool.recovered";
  static constexpr Level level = Level::Brief;
  std::uint64_t segments = 0;
  std::uint64_t messages = 0;
  std::uint64_t recipients_pending = 0;
  std::uint64_t torn_tails = 0;  // normal after a crash
  std::uint64_t corrupt = 0;     // each has its own segment.quarantined line
  Duration elapsed = {};
  void fields(auto&& field) const {
    field("segments", segments), field("messages", messages);
    field("recipients_pending", recipients_pending), field("torn_tails", torn_tails);
    field("corrupt", corrupt), field("elapsed", elapsed);
  }
};

struct SegmentQuarantined {
  static constexpr std::string_view name = "segment.quarantined";
  static constexpr Level level = Level::Brief;
  std::string_view file = {};
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  std::string_view reason = {};
  void fields(auto&& field) const {
    field("file", file), field("segment", segment), field("offset", offset);
    field("reason", reason);
  }
};

// The spool stopped taking messages (452 at MAIL) or takes them again.
struct SpoolPressure {
  static constexpr std::string_view name = "spool.pressure";
  static constexpr Level level = Level::Brief;
  bool accepting = false;
  std::string_view reason = {};  // "disk space", "write error", "no free segment"
  std::uint64_t free_octets = 0;
  std::uint64_t needed_octets = 0;
  void fields(auto&& field) const {
    field("accepting", accepting), field("reason", reason), field("free_octets", free_octets);
    field("needed_octets", needed_octets);
  }
};

// The operator removed a message from the queue.
struct MessageRemoved {
  static constexpr std::string_view name = "message.removed";
  static constexpr Level level = Level::Brief;
  QueueId id = {};
  void fields(auto&& field) const { field("id", id); }
};

// ---- the offline folder

// A message that waited there was accepted, or was refused for now and goes on waiting.
struct OfflineTried {
  static constexpr std::string_view name = "offline.tried";
  static constexpr Level level = Level::Brief;
  std::string_view file = {};
  std::uint32_t uid = 0;
  bool accepted = false;
  std::string_view detail = {};  // the reply, or why there was none
  void fields(auto&& field) const {
    field("file", file), field("uid", uid), field("accepted", accepted), field("detail", detail);
  }
};

// A file there is no message of its owner, or was refused for good: it was put aside.
struct OfflineSetAside {
  static constexpr std::string_view name = "offline.set_aside";
  static constexpr Level level = Level::Brief;
  std::string_view file = {};
  std::uint32_t uid = 0;  // of the owner
  std::string_view reason = {};
  std::string_view target = {};  // where it is now; empty: it could not be moved
  void fields(auto&& field) const {
    field("file", file), field("uid", uid), field("reason", reason), field("target", target);
  }
};

// ---- the daemon

struct Started {
  static constexpr std::string_view name = "daemon.started";
  static constexpr Level level = Level::Brief;
  std::string_view version = {};
  std::uint32_t cores = 0;
  std::uint32_t listeners = 0;
  std::int64_t pid = 0;
  std::string_view home = {};
  void fields(auto&& field) const {
    field("version", version), field("cores", cores), field("listeners", listeners);
    field("pid", pid), field("home", home);
  }
};

struct Listening {
  static constexpr std::string_view name = "daemon.listening";
  static constexpr Level level = Level::Brief;
  std::string_view address = {};
  std::uint16_t port = 0;
  std::string_view tag = {};
  void fields(auto&& field) const {
    field("address", address), field("port", port), field("tag", tag);
  }
};

struct ConfigLoaded {
  static constexpr std::string_view name = "config.loaded";
  static constexpr Level level = Level::Brief;
  std::string_view file = {};
  std::uint32_t listeners = 0;
  std::uint32_t rules = 0;
  std::uint32_t tables = 0;
  void fields(auto&& field) const {
    field("file", file), field("listeners", listeners), field("rules", rules);
    field("tables", tables);
  }
};

struct Stopping {
  static constexpr std::string_view name = "daemon.stopping";
  static constexpr Level level = Level::Brief;
  std::string_view reason = {};  // "SIGTERM", "control request"
  std::uint32_t sessions = 0;
  void fields(auto&& field) const { field("reason", reason), field("sessions", sessions); }
};

struct Stopped {
  static constexpr std::string_view name = "daemon.stopped";
  static constexpr Level level = Level::Brief;
  std::uint64_t messages_queued = 0;
  Duration elapsed = {};  // from the request to now
  void fields(auto&& field) const {
    field("messages_queued", messages_queued), field("elapsed", elapsed);
  }
};

// An attempt that the daemon does not wait for any longer when it stops: a file system hangs.
struct AttemptHung {
  static constexpr std::string_view name = "attempt.hung";
  static constexpr Level level = Level::Brief;
  QueueId id = {};
  std::uint32_t recipient = 0;
  void fields(auto&& field) const { field("id", id), field("recipient", recipient); }
};

// No connection reaches it; nothing is tried there for a while.
struct DestinationLeftAlone {
  static constexpr std::string_view name = "destination.left-alone";
  static constexpr Level level = Level::Brief;
  std::string_view destination = {};
  std::string_view reason = {};
  Duration wait = {};
  std::uint64_t recipients = 0;  // that wait for it
  void fields(auto&& field) const {
    field("destination", destination), field("reason", reason), field("wait", wait),
        field("recipients", recipients);
  }
};

// The daemon ends although threads or attempts hang; what is durable stays so.
struct GivenUp {
  static constexpr std::string_view name = "daemon.given-up";
  static constexpr Level level = Level::Brief;
  std::uint64_t attempts = 0;  // under way
  Duration elapsed = {};       // from the request to now
  void fields(auto&& field) const { field("attempts", attempts), field("elapsed", elapsed); }
};

// A system call failed where no other event says so.
struct FaultSeen {
  static constexpr std::string_view name = "fault";
  static constexpr Level level = Level::Brief;
  std::string_view where = {};  // "accept", "control", "maildir", …
  Fault fault = {};
  void fields(auto&& field) const { field("where", where), field("error", fault); }
};

// ---- tables that are not in memory

// The program that answers for a table runs.
struct TableStarted {
  static constexpr std::string_view name = "table.started";
  static constexpr Level level = Level::Brief;
  std::string_view table = {};
  std::string_view program = {};
  std::int64_t pid = 0;
  void fields(auto&& field) const {
    field("table", table), field("program", program), field("pid", pid);
  }
};

// It does not any more, or could not be started; it will be again after the pause.
struct TableEnded {
  static constexpr std::string_view name = "table.ended";
  static constexpr Level level = Level::Brief;
  std::string_view table = {};
  std::string_view program = {};
  std::string_view reason = {};
  std::uint64_t unanswered = 0;  // questions, which failed for now
  Duration pause = {};
  void fields(auto&& field) const {
    field("table", table), field("program", program), field("reason", reason);
    field("unanswered", unanswered), field("pause", pause);
  }
};

// A recipient was put off with 451, because a question about it could not be answered.
struct LookupFailed {
  static constexpr std::string_view name = "lookup.failed";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view recipient = {};
  std::string_view reason = {};
  void fields(auto&& field) const {
    field("session", session), field("recipient", recipient), field("reason", reason);
  }
};

// The operator did something through the control socket.
struct ControlCommand {
  static constexpr std::string_view name = "control.command";
  static constexpr Level level = Level::Brief;
  std::string_view command = {};
  std::string_view arguments = {};
  bool ok = true;
  void fields(auto&& field) const {
    field("command", command), field("arguments", arguments), field("ok", ok);
  }
};

// Lines were lost, because a core's ring was full or the file could not be written.
struct LinesDropped {
  static constexpr std::string_view name = "log.dropped";
  static constexpr Level level = Level::Brief;
  std::uint64_t lines = 0;
  void fields(auto&& field) const { field("lines", lines); }
};

// ---- verbose only

struct SessionOpened {
  static constexpr std::string_view name = "session.opened";
  static constexpr Level level = Level::Verbose;
  static constexpr Subsystem subsystem = Subsystem::Smtp;
  SessionId session = {};
  std::string_view client = {};
  std::string_view proxy = {};  // as in SessionClosed
  std::string_view listener = {};
  void fields(auto&& field) const {
    field("session", session), field("client", client);
    if (!proxy.empty()) field("proxy", proxy);
    field("listener", listener);
  }
};

struct LineReceived {
  static constexpr std::string_view name = "session.received";
  static constexpr Level level = Level::Verbose;
  static constexpr Subsystem subsystem = Subsystem::Smtp;
  SessionId session = {};
  std::string_view line = {};  // the command without its CRLF
  void fields(auto&& field) const { field("session", session), field("line", line); }
};

struct ReplySent {
  static constexpr std::string_view name = "session.sent";
  static constexpr Level level = Level::Verbose;
  static constexpr Subsystem subsystem = Subsystem::Smtp;
  SessionId session = {};
  std::string_view line = {};  // one line of the reply without its CRLF
  void fields(auto&& field) const { field("session", session), field("line", line); }
};

template <class... Events>
struct EventList {
  template <class E>
  static constexpr bool contains = (std::is_same_v<E, Events> || ...);
};

using AllEvents =
    EventList<AuthAccepted, AuthRefused, AuthFailed, MessageAccepted, AttemptFinished,
              RelayTlsFailed, ReportQueued, ReportUnsigned, SessionClosed, ConnectionRefused,
              ProxyRefused, MessageRefused, SpoolFault, SpoolRecovered, SegmentQuarantined,
              SpoolPressure, MessageRemoved, OfflineTried, OfflineSetAside, Started, Listening,
              ConfigLoaded, Stopping, Stopped, AttemptHung, DestinationLeftAlone, GivenUp,
              FaultSeen, TableStarted, TableEnded, LookupFailed, ControlCommand, LinesDropped,
              SessionOpened, LineReceived, ReplySent, HandshakeFailed, HandshakeDone,
              CertificateInUse, CertificatesReloaded, FilterDecided, FilterReady, FilterEnded,
              FilterSaid, ListRefused, FilterPassed, LookedUp, RuleDecided, Expanded,
              DmarcReportQueued, DmarcFailureQueued, DmarcReportSkipped>;

template <class E>
concept Event = AllEvents::contains<E>;

// Whether lines of this event are wanted; a brief one always is.
template <Event E>
constexpr bool is_wanted(Shown shown) {
  if constexpr (E::level == Level::Brief)
    return true;
  else
    return shown.wants(E::level, E::subsystem);
}

}  // namespace ringpost::observe
