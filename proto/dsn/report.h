// Delivery reports: what a sender is told of a delivery, as RFC 3464 writes it and RFC 3461 asks
// for it; RFC 6533 where addresses go beyond ASCII. The message reported on is not copied: a report
// is what stands before it and what stands after it. Composing cannot fail: odd octets become '?'.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proto/base/clock.h"
#include "proto/base/queue_id.h"
#include "proto/smtp/dsn_parameters.h"
#include "proto/smtp/enhanced_status.h"

namespace ringpost::dsn {

// RFC 3464 2.3.3. Relayed is for a server that announced no DSN; Expanded for a list.
enum class Action : std::uint8_t { Failed, Delayed, Delivered, Relayed, Expanded };

// RFC 3461 4.1, 6.2: whether the sender is to be told. Never when the reverse path is null, so that
// no report is ever about a report. Without NOTIFY failures and delays are told. Ask about Relayed
// only when the next server announced no DSN: otherwise it is that server that will report.
bool is_wanted(Action action, std::string_view sender, smtp::NotifySet notify);

enum class Returned : std::uint8_t { Headers, Full };
// How the message may travel: the greatest body type that its content needs.
enum class Body : std::uint8_t { SevenBit, EightBitMime, BinaryMime };

// Without RET a failed message comes back as a whole up to this many octets.
inline constexpr std::uint64_t full_return_octets_max = 64 * 1024;

// RFC 3461 4.3: RET counts for failures only; other reports return the header. So does binary
// content, which few servers on the way back could carry.
Returned returned_content(smtp::ReturnContent asked, bool any_failed, Body body,
                          std::uint64_t content_octets);

struct ReportedRecipient {
  Action action = Action::Failed;
  std::string_view address = {};        // as the sender gave it, smtp::to_text of it
  std::string_view final_address = {};  // where it went in the end; empty: the same
  std::string_view original = {};       // the value of ORCPT, still xtext; empty: not given
  smtp::EnhancedStatus status = {};     // {} becomes x.0.0
  std::string_view server = {};         // that said so; empty: we did
  std::string_view diagnostic =
      {};                   // its reply with the code, lines divided by '\n'; or our reason
  WallTime last_attempt{};  // 0: none
  WallTime retry_until{};   // for Delayed
};

struct ReportedMessage {
  QueueId id;
  std::string_view sender = {};         // reverse path without brackets; not null
  std::string_view envelope_id = {};    // ENVID, still xtext; empty: not given
  std::string_view received_from = {};  // name the client gave; empty: not to be told
  WallTime received{};
  bool smtputf8 = false;
  Body body = Body::SevenBit;
};

struct Frame {
  std::string_view server_name = {};
  std::string_view message_id = {};  // without brackets
  std::string_view boundary = {};    // of 1 to 70 letters, digits, '-' and '_'; not in the message
  WallTime now{};
};

// `before`, then the content of the message or its header with the empty line, as it lies in the
// spool, then `after`. Goes from the null reverse path to ReportedMessage::sender.
struct Report {
  std::string before;
  std::string after;
  bool smtputf8 = false;
  Body body = Body::SevenBit;
};

// At least one recipient, each with an action that is wanted.
Report compose(const ReportedMessage& message, std::span<const ReportedRecipient> recipients,
               Returned returned, const Frame& frame);

}  // namespace ringpost::dsn
