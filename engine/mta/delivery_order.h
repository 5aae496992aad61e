// DeliveryOrder: one attempt for one recipient, as it goes to the core that owns the destination
// and comes back with its result. Owned by the core that works on it; content stays in the spool,
// only its extents travel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/observe/reason.h"
#include "engine/ring/mailbox.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/queue_id.h"
#include "store/spool/envelope.h"

namespace ringpost::mta {

struct DeliveryResult {
  observe::AttemptResult result = observe::AttemptResult::Delayed;
  std::string status;           // enhanced status code, RFC 3463
  std::string detail;           // for people: where it went, or what was wrong
  std::string server = {};      // another server that said so
  std::string encryption = {};  // of the connection to it, for the log; empty: none
  bool dsn_passed = false;      // that server reports to the sender itself (RFC 3461 5.2)
  std::string reply = {};       // what it said, the code first; lines divided by '\n'
  // The content is not what was accepted: trying again cannot help.
  std::optional<Fault> damage = {};
};

struct DeliveryOrder : ring::Message {
  explicit DeliveryOrder(Handler handler) : Message(handler) {}

  QueueId id;
  std::uint32_t recipient_index = 0;
  std::uint16_t attempt = 1;
  WallTime received{};
  std::string reverse_path;
  std::string envelope_id;
  store::BodyType body = store::BodyType::SevenBit;
  bool smtputf8 = false;
  store::DsnReturn dsn_return = store::DsnReturn::Unspecified;
  store::Recipient recipient;
  std::vector<store::Extent> extents;
  std::optional<std::string> relayed_sender = {};  // what MAIL says instead of the reverse path
  DeliveryResult result;
};

}  // namespace ringpost::mta
