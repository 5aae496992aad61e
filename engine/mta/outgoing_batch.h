// OutgoingBatch: recipients of one message that go to another server in one transaction, on their
// way between the core of the message, which knows them, and the core of the destination, which
// has the connection. Made and owned by the latter; whose turn it is may change it.
//
// The way: wanted (destination -> home), filled (home -> destination), tried (destination -> home),
// settled (home -> destination). Those that are overdue are not tried: wanted, settled.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/delivery_order.h"
#include "engine/mta/next_hop.h"
#include "engine/ring/await.h"
#include "engine/ring/core.h"
#include "store/queue/scheduler.h"

namespace ringpost::mta {

class Destinations;
class Dispatcher;

// One recipient of a transaction.
struct OutgoingAttempt : DeliveryOrder {
  OutgoingAttempt() : DeliveryOrder(nullptr) {}
  std::string path;         // what RCPT says
  bool is_settled = false;  // it has a result before anything was tried
};

struct OutgoingBatch final : ring::Message {
  OutgoingBatch(Dispatcher& of, Destinations& by) : Message(nullptr), home(of), away(by) {}

  // Hands it to `to` (of the two cores), where `step` says what happens next.
  void send(ring::Core& from, ring::Core& to, Handler step) {
    handler = step;
    if (&from == &to) {
      step(*this);
    } else {
      to.post(*this);
    }
  }

  Dispatcher& home;
  Destinations& away;
  store::SessionId session;
  std::string destination;                // NextHop::key()
  std::vector<store::RecipientKey> keys;  // of one message

  // No connection was made in time: what is to be said of it. Otherwise empty.
  std::string overdue;

  // By the home core: those of the keys that are still to go there. Empty: none.
  std::optional<NextHop> next;
  std::deque<OutgoingAttempt> attempts;
  bool repeated = false;  // a connection that stood idle was lost under it: not twice
  ring::Signal tried;

  // At the end: those that wait for this destination again; the others are forgotten there.
  struct Waits {
    store::RecipientKey key;
    WallTime due, deadline;
  };
  std::vector<Waits> waits;
};

// A recipient that its home core has found the destination of.
struct RoutedRecipient {
  store::RecipientKey key;
  std::string destination;  // NextHop::key()
  unsigned home = 0;        // index of the core
  std::uint32_t sender = 0;
  WallTime due, deadline;
};

}  // namespace ringpost::mta
