// Scheduler: the recipients that wait for the destinations of one core: who is due, which
// destination may be given a connection now, and what goes over it. An unbounded backlog, and a
// bounded number of connections over it. Deterministic: time and history come in. Cannot fail.
//
// A recipient is Waiting for its time, Ready, UnderWay (with the owner, who says again() or
// forget()), or Held by the operator. When its deadline passes before it is under way, the owner is
// told: that is when a sender is warned or the recipient given up. A connection that fails is the
// history of its destination, not of recipients: they stay Ready while it is left alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "proto/base/clock.h"
#include "proto/base/keyed_hash.h"
#include "proto/base/queue_id.h"
#include "store/queue/concurrency.h"
#include "store/queue/destination.h"
#include "store/queue/index_table.h"
#include "store/queue/links.h"
#include "store/queue/slab.h"
#include "store/queue/turns.h"
#include "store/queue/wheel.h"

namespace ringpost::store {

struct RecipientKey {
  QueueId id;
  std::uint32_t recipient = 0;
  constexpr auto operator<=>(const RecipientKey&) const = default;
};

struct SessionId {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const SessionId&) const = default;
};

struct SchedulerLimits {
  std::uint32_t sessions_max = 1'000;     // connections at a time, of all destinations
  std::uint32_t recipients_max = 20'000;  // under way at a time
};

// Overdue: its deadline has passed, and next_overdue() will tell.
enum class RecipientState : std::uint8_t { None, Waiting, Ready, UnderWay, Held, Overdue };

// What keeps a recipient from being delivered just now.
enum class Obstacle : std::uint8_t {
  Unknown,               // no such recipient
  UnderWay,              // nothing
  Held,                  // by the operator
  Retry,                 // its next attempt comes at `until`
  AllPaused,             // by the operator
  DestinationPaused,     // by the operator
  DestinationLeftAlone,  // no connection reached it; the next is tried at `until`
  ConnectionLimit,       // as many connections are open as its limit or its history allows
  ConnectionInterval,    // the next connection may begin at `until`
  TransactionInterval,   // the next transaction may begin at `until`
  SessionsMax,           // the limit of all destinations together
  RecipientsMax,         // the same, of recipients under way
  Turn,                  // nothing: others of its destination come first, or it starts at once
};

struct Why {
  Obstacle obstacle = Obstacle::Unknown;
  DestinationId destination;
  Instant until = never;  // never: not known
  Instant deadline = never;
};

struct DestinationFigures {
  std::string_view name;  // as long as the destination is known
  std::string_view last_failure;
  std::uint32_t waiting = 0, ready = 0, under_way = 0, held = 0;
  std::uint16_t sessions = 0;
  std::uint16_t window = 0;  // connections that its history allows
  bool paused = false;
  Obstacle obstacle = Obstacle::Turn;  // what keeps it from another connection
  Instant until = never;
};

class Scheduler {
 public:
  // `key`: random, since strangers choose the names of destinations.
  Scheduler(const SchedulerLimits& limits, Instant now, const HashKey& key);

  // --- limits ----------------------------------------------------------------------------------
  void allow(const SchedulerLimits& limits) { limits_ = limits; }
  // Limits that destinations refer to by number; 0 has defaults. May be changed at any time.
  void define_limits(std::uint16_t number, const DestinationLimits& limits);

  // --- recipients ------------------------------------------------------------------------------
  // Finds or makes it. `limits` is a number of define_limits().
  DestinationId destination(std::string_view name, std::uint16_t limits, Instant now);
  std::optional<DestinationId> find_destination(std::string_view name) const;

  struct Recipient {
    RecipientKey key;
    DestinationId destination;
    // Those of one sender take turns with those of others. If strangers choose it, a keyed hash.
    std::uint32_t sender = 0;
    Instant due{};             // of its next attempt
    Instant deadline = never;  // of its next warning, or of being given up
    bool held = false;
    std::uint16_t origin = 0;  // a number of the owner's, see origin_of()
  };
  // One that is not known. Recipients of one message that are added one after the other go into one
  // transaction.
  void add(const Recipient& recipient, Instant now);
  // One that is under way waits again.
  void again(const RecipientKey& key, Instant due, Instant deadline, Instant now);
  // False: it was not known.
  bool forget(const RecipientKey& key, Instant now);
  RecipientState state_of(const RecipientKey& key) const;
  // What its Recipient said, of one that is known.
  std::uint16_t origin_of(const RecipientKey& key) const;

  // --- time ------------------------------------------------------------------------------------
  // Lets time come to `now`. Looks at `steps` recipients and destinations at most; true: call it
  // again, there are more.
  bool advance(Instant now, std::size_t steps);
  // When advance() has something to do next. Starts may be possible before that, after any other
  // call.
  Instant next_wake() const;
  // A recipient whose deadline has passed; it is under way now, beyond recipients_max if need be:
  // ask for as many as can be dealt with.
  std::optional<RecipientKey> next_overdue();

  // --- connections -----------------------------------------------------------------------------
  struct Start {
    SessionId session;
    DestinationId destination;
    bool is_new = true;  // false: a connection that was idle
  };
  // A connection to open or to use again. The next call for it is take(), fail() or close().
  std::optional<Start> start(Instant now);
  struct Taken {
    std::size_t count = 0;     // recipients of one message; 0: there is nothing for it now
    bool is_worn_out = false;  // it has carried as many as one may, or others want its place
  };
  // The recipients of the next transaction over the connection; they are under way then. After 0:
  // idle(), or close().
  Taken take(SessionId session, Instant now, std::span<RecipientKey> room);
  // A transaction came to its end, whatever was said of its recipients.
  void succeeded(SessionId session, Instant now);
  DestinationId destination_of(SessionId session) const {
    return {sessions_[session.value].destination};
  }
  // It stays open, to be used again by start(), until the owner closes it.
  void idle(SessionId session, Instant now);
  // After start() gave nothing: an idle connection to close(), the longest idle one, since others
  // wait for its place. Then start() may give something.
  std::optional<SessionId> surplus() const;
  void close(SessionId session, Instant now);
  // It could not be opened, or broke, or the server takes no mail. True: the destination is left
  // alone now. `reason` is for the operator. That a server ended an idle connection is no failure:
  // close() it.
  bool fail(SessionId session, Instant now, std::string_view reason);

  // --- the operator's hands ---------------------------------------------------------------------
  Why why(const RecipientKey& key, Instant now) const;
  DestinationFigures figures(DestinationId destination, Instant now) const;
  void pause_all(bool paused) { paused_ = paused; }
  void pause(DestinationId destination, Instant now);
  // Ends a pause, and tries a destination that is left alone at once.
  void resume(DestinationId destination, Instant now);
  // These do nothing, and give false, unless the recipient is Waiting, Ready or Held.
  bool hold(const RecipientKey& key, Instant now);
  bool release(const RecipientKey& key, Instant now);  // is due now
  bool hasten(const RecipientKey& key, Instant now);   // is due now, if it is not held
  bool reroute(const RecipientKey& key, DestinationId destination, Instant now);
  // Visits recipients (or destinations) at places from `cursor` on, at most `steps` places, calls
  // visit(Listed) (or visit(DestinationId)). Returns where to go on; 0: all were seen. The call may
  // change what it visits. Those that come and go between calls may or may not be seen.
  struct Listed {
    RecipientKey key;
    DestinationId destination;
    std::uint32_t sender = 0;
    RecipientState state = RecipientState::None;
  };
  template <class Visit>
  std::uint32_t visit(std::uint32_t cursor, std::uint32_t steps, Visit&& visit) {
    for (; steps > 0 && cursor < entries_.end(); --steps, ++cursor) {
      const Entry& entry = entries_[cursor];
      if (entry.state == RecipientState::None) continue;
      visit(Listed{entry.key(), {entry.destination}, entry.sender, entry.state});
    }
    return cursor < entries_.end() ? cursor : 0;
  }
  template <class Visit>
  std::uint32_t visit_destinations(std::uint32_t cursor, std::uint32_t steps, Visit&& visit) {
    for (; steps > 0 && cursor < destinations_.end(); --steps, ++cursor)
      if (destinations_[cursor].known) visit(DestinationId{cursor});
    return cursor < destinations_.end() ? cursor : 0;
  }

  std::size_t recipients() const { return entries_.used(); }
  std::size_t destinations() const { return destinations_.used(); }
  std::uint32_t sessions() const { return sessions_in_use_; }
  std::uint32_t under_way() const { return under_way_; }

 private:
  // Kept small: there may be millions.
  struct Entry {
    QueueId id;
    std::uint32_t recipient = 0;
    std::uint32_t destination = 0;
    std::uint32_t sender = 0;
    Tick due = 0;
    Tick deadline = never_tick;
    Link timer;  // in the wheel, while Waiting or Ready; or it is free
    Link order;  // in its stream, while Ready; or among the overdue
    RecipientState state = RecipientState::None;
    std::uint16_t origin = 0;
    RecipientKey key() const { return {id, recipient}; }
  };
  // What is ready of one sender for one destination.
  struct Stream {
    std::uint32_t destination = 0;
    std::uint32_t sender = 0;
    LinkedList entries;
    Link ring;  // among the streams of the destination; or it is free
  };
  struct Session {
    std::uint32_t destination = 0;
    std::uint16_t transactions = 0;
    bool open = false;
    bool hungry = false;  // started, and has not asked for a transaction yet
    bool idle = false;
    Link order;  // among the idle ones of the destination; or it is free
    Link queue;  // among all that are idle
  };
  struct Destination {
    std::uint64_t hash = 0;  // of its name
    std::string name;
    std::string last_failure;
    Concurrency concurrency;
    Instant left_alone_until{}, next_connection{}, next_transaction{};
    std::array<std::uint32_t, 6> counts{};  // of recipients by state
    std::uint32_t groups = 0;               // of ready recipients: about as many transactions
    LinkedList streams, idle_sessions;
    Link turn;   // among those that may be given a connection
    Link timer;  // in the wheel, while `wake` is not never; or it is free
    Tick wake = never_tick;
    std::uint16_t limits = 0;
    std::uint16_t sessions = 0, hungry = 0;
    std::uint8_t turn_place = 0;
    bool known = false, paused = false, in_turn = false;
    bool answers = false;  // its last connection was one that served
  };
  // Accessors that lists and wheels ask for.
  struct EntryTimes {
    Scheduler& of;
    Link& link(std::uint32_t i) { return of.entries_[i].timer; }
    Tick tick(std::uint32_t i) {
      const Entry& e = of.entries_[i];
      return e.state == RecipientState::Waiting && e.due < e.deadline ? e.due : e.deadline;
    }
  };
  struct DestinationTimes {
    Scheduler& of;
    Link& link(std::uint32_t i) { return of.destinations_[i].timer; }
    Tick tick(std::uint32_t i) { return of.destinations_[i].wake; }
  };

  static std::uint64_t hash_of_key(const RecipientKey& key);
  static std::uint64_t hash_of_stream(std::uint32_t destination, std::uint32_t sender);
  std::uint32_t find(const RecipientKey& key) const;
  // Unless it is known and Waiting, Ready, Held or Overdue: no_item.
  std::uint32_t find_free(const RecipientKey& key) const;
  std::uint32_t find_stream(std::uint32_t destination, std::uint32_t sender) const;
  const DestinationLimits& limits_of(const Destination& destination) const {
    return limits_table_[destination.limits];
  }

  // Into a state, and out of the present one. reconsider() the destination after them.
  void enter(std::uint32_t entry, RecipientState state);
  void leave(std::uint32_t entry);
  void enter_due(std::uint32_t entry, Instant due, Instant now);
  void set_timer(std::uint32_t entry);
  void clear_timer(std::uint32_t entry);
  void join_stream(std::uint32_t entry);
  void leave_stream(std::uint32_t entry);
  bool is_same_message(std::uint32_t a, std::uint32_t b) const;
  bool advance_recipients(Instant now, std::size_t& steps);
  bool advance_destinations(Instant now, std::size_t& steps);

  // What keeps the destination from another connection, and until when that is so.
  std::pair<Obstacle, Instant> obstacle_of(const Destination& destination, Instant now) const;
  bool is_unused(const Destination& destination) const;
  void reconsider(std::uint32_t destination, Instant now);
  void set_turn(std::uint32_t destination, bool wanted);
  void set_wake(std::uint32_t destination, Tick tick);
  void forget_destination(std::uint32_t destination);
  bool is_for_answering_only() const;
  bool may_connect(const Destination& destination) const;
  void open_session(std::uint32_t session, std::uint32_t destination, Instant now);
  void end_session(std::uint32_t session);
  void feed(Session& session);
  void leave_idle(std::uint32_t session);
  bool gives_way(const Destination& destination);
  std::size_t take_message(Destination& destination, std::span<RecipientKey> room);

  SchedulerLimits limits_;
  HashKey key_;
  std::vector<DestinationLimits> limits_table_;
  Slab<Entry, &Entry::timer> entries_;
  Slab<Stream, &Stream::ring> streams_;
  Slab<Session, &Session::order> sessions_;
  Slab<Destination, &Destination::timer> destinations_;
  IndexTable entry_table_, stream_table_, destination_table_;
  Wheel entry_wheel_, destination_wheel_;
  LinkedList overdue_;
  LinkedList idle_;  // sessions, the longest idle first
  // The last start() found a destination with so many connections, but no place for one more.
  std::optional<std::uint16_t> place_wanted_by_;
  Turns turns_;
  std::uint32_t sessions_in_use_ = 0;
  std::uint32_t under_way_ = 0;
  bool paused_ = false;
};

}  // namespace ringpost::store
