// Scheduler, its destinations and their connections: see scheduler.h.
#include <algorithm>

#include "proto/base/check.h"
#include "store/queue/scheduler.h"

namespace ringpost::store {
namespace {

// What is known of a destination outlives its last recipient by that.
constexpr Duration remembered = seconds(3'600);
constexpr std::size_t failure_octets_max = 200;

}  // namespace

// --- destinations --------------------------------------------------------------------------------

DestinationId Scheduler::destination(std::string_view name, std::uint16_t limits, Instant now) {
  CHECK(limits < limits_table_.size());
  if (const auto known = find_destination(name)) {
    Destination& destination = destinations_[known->value];
    if (destination.limits != limits) {
      destination.limits = limits;
      reconsider(known->value, now);
    }
    return *known;
  }
  const std::uint32_t d = destinations_.take();
  Destination& destination = destinations_[d];
  destination.hash = keyed_hash(key_, name);
  destination.name = name;
  destination.limits = limits;
  destination.known = true;
  destination.concurrency = Concurrency(limits_of(destination).connections_initial);
  destination_table_.insert(destination.hash, d,
                            [&](std::uint32_t other) { return destinations_[other].hash; });
  reconsider(d, now);
  return {d};
}

std::optional<DestinationId> Scheduler::find_destination(std::string_view name) const {
  const std::uint64_t hash = keyed_hash(key_, name);
  const std::uint32_t d = destination_table_.find(hash, [&](std::uint32_t other) {
    return destinations_[other].hash == hash && destinations_[other].name == name;
  });
  if (d == no_item) return std::nullopt;
  return DestinationId{d};
}

void Scheduler::forget_destination(std::uint32_t d) {
  set_turn(d, false);
  set_wake(d, never_tick);
  destination_table_.erase(destinations_[d].hash, d,
                           [&](std::uint32_t other) { return destinations_[other].hash; });
  destinations_.give(d);
}

bool Scheduler::is_unused(const Destination& destination) const {
  const bool has_none =
      std::ranges::all_of(destination.counts, [](auto count) { return count == 0; });
  return has_none && destination.sessions == 0 && !destination.paused;
}

std::pair<Obstacle, Instant> Scheduler::obstacle_of(const Destination& destination,
                                                    Instant now) const {
  const DestinationLimits& limits = limits_of(destination);
  if (destination.paused) return {Obstacle::DestinationPaused, never};
  if (destination.left_alone_until > now)
    return {Obstacle::DestinationLeftAlone, destination.left_alone_until};
  if (destination.next_transaction > now)
    return {Obstacle::TransactionInterval, destination.next_transaction};
  // One that has not asked yet takes what may go next.
  if (limits.transaction_interval.ns > 0 && destination.hungry > 0)
    return {Obstacle::TransactionInterval, never};
  if (!destination.idle_sessions.empty()) return {Obstacle::Turn, never};
  if (destination.sessions >= std::min(destination.concurrency.window(), limits.connections_max))
    return {Obstacle::ConnectionLimit, never};
  if (destination.next_connection > now)
    return {Obstacle::ConnectionInterval, destination.next_connection};
  return {Obstacle::Turn, never};
}

// To be called after anything that may change whether the destination can be given a connection.
void Scheduler::reconsider(std::uint32_t d, Instant now) {
  const Destination& destination = destinations_[d];
  const auto [obstacle, until] = obstacle_of(destination, now);
  const bool has_work = destination.groups > destination.hungry;
  set_turn(d, has_work && obstacle == Obstacle::Turn);
  if (has_work && until != never) {
    set_wake(d, destination_wheel_.tick_at(until));
  } else if (is_unused(destination)) {
    set_wake(d,
             destination_wheel_.tick_at(std::max(now + remembered, destination.left_alone_until)));
  } else {
    set_wake(d, never_tick);
  }
}

void Scheduler::set_turn(std::uint32_t d, bool wanted) {
  Destination& destination = destinations_[d];
  const auto turn_of = [&](std::uint32_t item) -> Link& { return destinations_[item].turn; };
  const std::uint8_t place = destination.idle_sessions.empty()
                                 ? Turns::place_of(destination.sessions, destination.answers)
                                 : Turns::with_idle;
  if (destination.in_turn == wanted && (!wanted || destination.turn_place == place)) return;
  if (destination.in_turn) turns_.leave(destination.turn_place, d, turn_of);
  destination.in_turn = wanted;
  destination.turn_place = place;
  if (wanted) turns_.enter(place, d, turn_of);
}

void Scheduler::set_wake(std::uint32_t d, Tick tick) {
  Destination& destination = destinations_[d];
  if (destination.wake == tick) return;
  DestinationTimes times{*this};
  if (destination.wake != never_tick) destination_wheel_.erase(d, times);
  destination.wake = tick;
  if (tick != never_tick) destination_wheel_.insert(d, times);
}

// --- connections ---------------------------------------------------------------------------------

// A quarter of the places is for destinations that answered last time: those that do not, however
// many, cannot fill all of them.
bool Scheduler::is_for_answering_only() const {
  return sessions_in_use_ >= limits_.sessions_max - limits_.sessions_max / 4;
}

// A destination takes no more places than are free still, so that one alone can never have more
// than half of them, and those that come later find some.
bool Scheduler::may_connect(const Destination& destination) const {
  if (sessions_in_use_ >= limits_.sessions_max) return false;
  if (!destination.answers && is_for_answering_only()) return false;
  const std::uint32_t free = limits_.sessions_max - sessions_in_use_;
  return destination.sessions == 0 || destination.sessions < free;
}

std::optional<Scheduler::Start> Scheduler::start(Instant now) {
  place_wanted_by_.reset();
  if (paused_ || under_way_ >= limits_.recipients_max) return std::nullopt;
  std::uint32_t d = turns_.first(is_for_answering_only());
  if (d == no_item) d = turns_.first(false);
  if (d == no_item) return std::nullopt;
  Destination& destination = destinations_[d];
  const bool is_new = destination.idle_sessions.empty();
  if (is_new && !may_connect(destination)) {
    place_wanted_by_ = destinations_[turns_.first(false)].sessions;
    return std::nullopt;
  }
  set_turn(d, false);  // others of the same place come first now
  const std::uint32_t s = is_new ? sessions_.take() : destination.idle_sessions.first;
  if (is_new) {
    open_session(s, d, now);
  } else {
    leave_idle(s);
  }
  sessions_[s].hungry = true;
  ++destination.hungry;
  reconsider(d, now);
  return Start{{s}, {d}, is_new};
}

void Scheduler::open_session(std::uint32_t s, std::uint32_t d, Instant now) {
  Destination& destination = destinations_[d];
  sessions_[s].destination = d;
  sessions_[s].open = true;
  ++destination.sessions;
  ++sessions_in_use_;
  destination.next_connection = now + limits_of(destination).connection_interval;
}

void Scheduler::feed(Session& session) {
  if (!session.hungry) return;
  session.hungry = false;
  --destinations_[session.destination].hungry;
}

Scheduler::Taken Scheduler::take(SessionId id, Instant now, std::span<RecipientKey> room) {
  Session& session = sessions_[id.value];
  CHECK(session.open && !session.idle);
  const bool is_fresh = session.hungry;
  feed(session);
  const std::uint32_t d = session.destination;
  Destination& destination = destinations_[d];
  const DestinationLimits& limits = limits_of(destination);
  Taken taken;
  taken.is_worn_out = session.transactions >= limits.transactions_per_connection ||
                      (!is_fresh && gives_way(destination));
  const bool may_take = !taken.is_worn_out && !paused_ && !destination.paused &&
                        destination.next_transaction <= now && !destination.streams.empty() &&
                        under_way_ < limits_.recipients_max;
  if (!may_take) {
    reconsider(d, now);
    return taken;
  }
  const std::size_t most = std::min<std::size_t>(
      {room.size(), limits.recipients_per_transaction, limits_.recipients_max - under_way_});
  taken.count = take_message(destination, room.first(most));
  ++session.transactions;
  taken.is_worn_out = session.transactions >= limits.transactions_per_connection;
  destination.next_transaction =
      std::max(destination.next_transaction, now - wheel_tick) + limits.transaction_interval;
  reconsider(d, now);
  return taken;
}

// A place that another destination wants, which has fewer: one for each start() that found none.
bool Scheduler::gives_way(const Destination& destination) {
  if (!place_wanted_by_ || destination.sessions <= *place_wanted_by_ + 1) return false;
  place_wanted_by_.reset();
  return true;
}

// Those at the front of the stream whose turn it is; then another stream has its turn.
std::size_t Scheduler::take_message(Destination& destination, std::span<RecipientKey> room) {
  const std::uint32_t place = destination.streams.first;
  const auto ring_of = [&](std::uint32_t item) -> Link& { return streams_[item].ring; };
  destination.streams.erase(place, ring_of);
  destination.streams.push_back(place, ring_of);
  const QueueId message = entries_[streams_[place].entries.first].id;
  std::size_t count = 0;
  for (std::uint32_t i = streams_[place].entries.first; i != no_item && count < room.size();) {
    if (entries_[i].id != message) break;
    const std::uint32_t next = entries_[i].order.next;
    room[count++] = entries_[i].key();
    leave(i);
    enter(i, RecipientState::UnderWay);
    i = next;
  }
  return count;
}

void Scheduler::succeeded(SessionId id, Instant now) {
  const std::uint32_t d = sessions_[id.value].destination;
  Destination& destination = destinations_[d];
  destination.concurrency.succeeded(destination.sessions, limits_of(destination).connections_max);
  destination.answers = true;
  destination.left_alone_until = {};
  destination.last_failure.clear();
  reconsider(d, now);
}

void Scheduler::idle(SessionId id, Instant now) {
  Session& session = sessions_[id.value];
  CHECK(session.open && !session.idle && !session.hungry);
  session.idle = true;
  destinations_[session.destination].idle_sessions.push_back(
      id.value, [&](std::uint32_t item) -> Link& { return sessions_[item].order; });
  idle_.push_back(id.value, [&](std::uint32_t item) -> Link& { return sessions_[item].queue; });
  reconsider(session.destination, now);
}

void Scheduler::leave_idle(std::uint32_t s) {
  Session& session = sessions_[s];
  destinations_[session.destination].idle_sessions.erase(
      s, [&](std::uint32_t item) -> Link& { return sessions_[item].order; });
  idle_.erase(s, [&](std::uint32_t item) -> Link& { return sessions_[item].queue; });
  session.idle = false;
}

std::optional<SessionId> Scheduler::surplus() const {
  if (!place_wanted_by_ || idle_.empty()) return std::nullopt;
  return SessionId{idle_.first};
}

void Scheduler::end_session(std::uint32_t s) {
  Session& session = sessions_[s];
  CHECK(session.open);
  Destination& destination = destinations_[session.destination];
  feed(session);
  if (session.idle) leave_idle(s);
  --destination.sessions;
  --sessions_in_use_;
  sessions_.give(s);
}

void Scheduler::close(SessionId id, Instant now) {
  const std::uint32_t d = sessions_[id.value].destination;
  end_session(id.value);
  reconsider(d, now);
}

bool Scheduler::fail(SessionId id, Instant now, std::string_view reason) {
  const std::uint32_t d = sessions_[id.value].destination;
  Destination& destination = destinations_[d];
  end_session(id.value);
  destination.answers = false;
  destination.last_failure = reason.substr(0, failure_octets_max);
  // What began before it was left alone says nothing new.
  const bool is_left_alone = destination.left_alone_until > now;
  if (!is_left_alone && destination.concurrency.failed())
    destination.left_alone_until =
        now + pause_of(limits_of(destination), destination.name, destination.concurrency.pauses());
  reconsider(d, now);
  return destination.left_alone_until > now;
}

}  // namespace ringpost::store
