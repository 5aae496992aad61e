// What the control commands answer: a struct per kind of row, so that daemon and ringpostctl agree.
//   show queue [SELECTION]    QueueRow per recipient that is not done, paged; each page by id
//   show envelope ID          EnvelopeRow
//   show stats                a row per observe::Sample
//   pause                     {"name":"mda","paused":false} per thing that can be paused
//   pause|resume mda|mta|mta for DOMAIN|smtp   no row
//   why, show destinations|hosts|routes        see control_outgoing.h
//                   log brief|verbose|reopen   no row
//   schedule SELECTION        no row, "scheduled":N beside "ok", paged: the client adds up;
//                             "busy":N for those that nothing could be done to
//   remove|bounce|hold|release SELECTION   the same with "removed":N, "bounced":N and so on;
//                             "held":N of schedule: to be released first
//   reroute SELECTION to HOST "rerouted":N, and "unfit":N for those that are not relayed
//   stop                      no row; the daemon drains after the answer
// The command is the words up to "show queue", "log" and so on; the rest are arguments. An ID is a
// queue id of 16 hex digits, a SELECTION that of proto/control/selection.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/control.h"
#include "engine/observe/metrics.h"
#include "proto/base/clock.h"
#include "proto/base/queue_id.h"
#include "store/spool/envelope.h"
#include "store/spool/outcome.h"

namespace ringpost::mta {

struct QueueRow {
  QueueId id = {};
  std::uint32_t recipient = 0;  // index in the envelope
  WallTime accepted = {};
  std::uint64_t octets = 0;
  std::string_view from = {};
  std::string_view to = {};
  std::string_view action = {};
  std::string_view state = {};       // "pending", "delayed", "active", "paused", "held"
  std::uint32_t attempts = 0;        // made so far
  WallTime next_try = {};            // 0: none
  std::string_view last_error = {};  // empty when there was none
};

struct EnvelopeRecipientRow {
  std::string_view address = {};  // as accepted
  std::string_view final_address = {};
  std::string_view action = {};
  std::string_view user = {};
  std::string_view target = {};  // "|COMMAND" or "/FILE"; empty: what the action does
  std::string_view state = {};   // "held", or see to_text(DeliveryStatus)
  std::uint32_t attempts = 0;
  WallTime next_try = {};
  std::string_view last_error = {};
  std::string_view orcpt = {};
  std::string_view notify = {};
};

struct EnvelopeRow {
  QueueId id = {};
  std::uint32_t generation = 0;
  WallTime accepted = {};
  std::uint64_t octets = 0;
  std::string_view from = {};
  std::string_view helo = {};
  std::string_view client = {};
  std::string_view client_name = {};
  std::string_view listener = {};
  std::string_view auth_user = {};
  std::string_view body = {};  // "7BIT", "8BITMIME", "BINARYMIME"
  bool smtputf8 = false;
  std::string_view ret = {};
  std::string_view envid = {};
  std::vector<EnvelopeRecipientRow> recipients = {};
};

// The row of a stored envelope; it views into `envelope`. Fields that only the running daemon knows
// (last_error) stay empty.
EnvelopeRow envelope_row(QueueId id, const store::Envelope& envelope);

// "pending", "delayed", "delivered", "relayed", "expanded", "failed", "removed".
std::string_view to_text(store::DeliveryStatus status);

// When a recipient that waits for another attempt gets it; WallTime{} for all others.
WallTime next_try(const store::RecipientProgress& progress);

// RFC 3339 in UTC; null for WallTime{}.
Json time_json(WallTime time);
Json to_json(const QueueRow& row);
Json to_json(const EnvelopeRow& row);
Json to_json(const observe::Sample& sample);

}  // namespace ringpost::mta
