// Scheduler, its recipients and their times: see scheduler.h.
#include "store/queue/scheduler.h"

#include <algorithm>

#include "proto/base/check.h"

namespace ringpost::store {

Scheduler::Scheduler(const SchedulerLimits& limits, Instant now, const HashKey& key)
    : limits_(limits), key_(key), limits_table_(1), entry_wheel_(now), destination_wheel_(now) {}

void Scheduler::define_limits(std::uint16_t number, const DestinationLimits& limits) {
  CHECK(limits.connections_initial > 0 && limits.connections_max > 0);
  CHECK(limits.transactions_per_connection > 0 && limits.recipients_per_transaction > 0);
  if (number >= limits_table_.size()) limits_table_.resize(number + 1u);
  limits_table_[number] = limits;
}

std::uint64_t Scheduler::hash_of_key(const RecipientKey& key) {
  return mix_bits(key.id.value ^ mix_bits(key.recipient));
}

std::uint32_t Scheduler::find(const RecipientKey& key) const {
  return entry_table_.find(hash_of_key(key),
                           [&](std::uint32_t i) { return entries_[i].key() == key; });
}

std::uint32_t Scheduler::find_free(const RecipientKey& key) const {
  const std::uint32_t i = find(key);
  return i == no_item || entries_[i].state == RecipientState::UnderWay ? no_item : i;
}

RecipientState Scheduler::state_of(const RecipientKey& key) const {
  const std::uint32_t i = find(key);
  return i == no_item ? RecipientState::None : entries_[i].state;
}

std::uint16_t Scheduler::origin_of(const RecipientKey& key) const {
  const std::uint32_t i = find(key);
  CHECK(i != no_item);
  return entries_[i].origin;
}

// --- recipients ----------------------------------------------------------------------------------

void Scheduler::add(const Recipient& recipient, Instant now) {
  CHECK(destinations_[recipient.destination.value].known);
  DCHECK(find(recipient.key) == no_item);
  const std::uint32_t i = entries_.take();
  Entry& entry = entries_[i];
  entry.id = recipient.key.id;
  entry.recipient = recipient.key.recipient;
  entry.destination = recipient.destination.value;
  entry.sender = recipient.sender;
  entry.origin = recipient.origin;
  entry.deadline = entry_wheel_.tick_at(recipient.deadline);
  entry_table_.insert(hash_of_key(recipient.key), i,
                      [&](std::uint32_t other) { return hash_of_key(entries_[other].key()); });
  if (recipient.held) {
    enter(i, RecipientState::Held);
  } else {
    enter_due(i, recipient.due, now);
  }
  reconsider(recipient.destination.value, now);
}

void Scheduler::again(const RecipientKey& key, Instant due, Instant deadline, Instant now) {
  const std::uint32_t i = find(key);
  CHECK(i != no_item && entries_[i].state == RecipientState::UnderWay);
  leave(i);
  entries_[i].deadline = entry_wheel_.tick_at(deadline);
  enter_due(i, due, now);
  reconsider(entries_[i].destination, now);
}

bool Scheduler::forget(const RecipientKey& key, Instant now) {
  const std::uint32_t i = find(key);
  if (i == no_item) return false;
  leave(i);
  reconsider(entries_[i].destination, now);
  entry_table_.erase(hash_of_key(key), i,
                     [&](std::uint32_t other) { return hash_of_key(entries_[other].key()); });
  entries_.give(i);
  return true;
}

void Scheduler::enter_due(std::uint32_t i, Instant due, Instant now) {
  if (due <= now) {
    enter(i, RecipientState::Ready);
    return;
  }
  entries_[i].due = entry_wheel_.tick_at(due);
  enter(i, RecipientState::Waiting);
}

void Scheduler::enter(std::uint32_t i, RecipientState state) {
  Entry& entry = entries_[i];
  entry.state = state;
  ++destinations_[entry.destination].counts[static_cast<std::size_t>(state)];
  switch (state) {
    case RecipientState::Waiting:
      set_timer(i);
      break;
    case RecipientState::Ready:
      set_timer(i);
      join_stream(i);
      break;
    case RecipientState::UnderWay:
      ++under_way_;
      break;
    case RecipientState::Overdue:
      overdue_.push_back(i, [&](std::uint32_t item) -> Link& { return entries_[item].order; });
      break;
    case RecipientState::Held:
    case RecipientState::None:
      break;
  }
}

void Scheduler::leave(std::uint32_t i) {
  Entry& entry = entries_[i];
  switch (entry.state) {
    case RecipientState::Waiting:
      clear_timer(i);
      break;
    case RecipientState::Ready:
      clear_timer(i);
      leave_stream(i);
      break;
    case RecipientState::UnderWay:
      --under_way_;
      break;
    case RecipientState::Overdue:
      overdue_.erase(i, [&](std::uint32_t item) -> Link& { return entries_[item].order; });
      break;
    case RecipientState::Held:
    case RecipientState::None:
      break;
  }
  --destinations_[entry.destination].counts[static_cast<std::size_t>(entry.state)];
  entry.state = RecipientState::None;
}

void Scheduler::set_timer(std::uint32_t i) {
  EntryTimes times{*this};
  if (times.tick(i) != never_tick) entry_wheel_.insert(i, times);
}

// One that the wheel has given out is in no list any more.
void Scheduler::clear_timer(std::uint32_t i) {
  EntryTimes times{*this};
  if (entries_[i].timer.next != no_item) entry_wheel_.erase(i, times);
}

// --- streams -------------------------------------------------------------------------------------

std::uint64_t Scheduler::hash_of_stream(std::uint32_t destination, std::uint32_t sender) {
  return mix_bits((std::uint64_t{destination} << 32) | sender);
}

std::uint32_t Scheduler::find_stream(std::uint32_t destination, std::uint32_t sender) const {
  return stream_table_.find(hash_of_stream(destination, sender), [&](std::uint32_t i) {
    return streams_[i].destination == destination && streams_[i].sender == sender;
  });
}

bool Scheduler::is_same_message(std::uint32_t a, std::uint32_t b) const {
  return a != no_item && b != no_item && entries_[a].id == entries_[b].id;
}

void Scheduler::join_stream(std::uint32_t i) {
  const Entry& entry = entries_[i];
  Destination& destination = destinations_[entry.destination];
  std::uint32_t place = find_stream(entry.destination, entry.sender);
  if (place == no_item) {
    place = streams_.take();
    streams_[place].destination = entry.destination;
    streams_[place].sender = entry.sender;
    stream_table_.insert(
        hash_of_stream(entry.destination, entry.sender), place, [&](std::uint32_t other) {
          return hash_of_stream(streams_[other].destination, streams_[other].sender);
        });
    destination.streams.push_back(place,
                                  [&](std::uint32_t item) -> Link& { return streams_[item].ring; });
  }
  LinkedList& entries = streams_[place].entries;
  if (!is_same_message(entries.last, i)) ++destination.groups;
  entries.push_back(i, [&](std::uint32_t item) -> Link& { return entries_[item].order; });
}

void Scheduler::leave_stream(std::uint32_t i) {
  const Entry& entry = entries_[i];
  Destination& destination = destinations_[entry.destination];
  const std::uint32_t place = find_stream(entry.destination, entry.sender);
  LinkedList& entries = streams_[place].entries;
  const auto [next, previous] = entry.order;
  // Those of one message that stand side by side are one group.
  const bool was_alone = !is_same_message(i, previous) && !is_same_message(i, next);
  const bool divided_one = !is_same_message(i, previous) && is_same_message(previous, next);
  destination.groups -= (was_alone ? 1u : 0u) + (divided_one ? 1u : 0u);
  entries.erase(i, [&](std::uint32_t item) -> Link& { return entries_[item].order; });
  if (!entries.empty()) return;
  destination.streams.erase(place,
                            [&](std::uint32_t item) -> Link& { return streams_[item].ring; });
  stream_table_.erase(hash_of_stream(entry.destination, entry.sender), place,
                      [&](std::uint32_t other) {
                        return hash_of_stream(streams_[other].destination, streams_[other].sender);
                      });
  streams_.give(place);
}

// --- time ----------------------------------------------------------------------------------------

bool Scheduler::advance(Instant now, std::size_t steps) {
  const bool more = advance_recipients(now, steps);
  return advance_destinations(now, steps) || more;
}

bool Scheduler::advance_recipients(Instant now, std::size_t& steps) {
  const Tick tick = entry_wheel_.tick_by(now);
  while (true) {
    const std::uint32_t i = entry_wheel_.take(tick, steps, EntryTimes{*this});
    if (i == no_item) return steps == 0;
    leave(i);
    enter(i, entries_[i].deadline <= tick ? RecipientState::Overdue : RecipientState::Ready);
    reconsider(entries_[i].destination, now);
  }
}

bool Scheduler::advance_destinations(Instant now, std::size_t& steps) {
  const Tick tick = destination_wheel_.tick_by(now);
  while (true) {
    const std::uint32_t d = destination_wheel_.take(tick, steps, DestinationTimes{*this});
    if (d == no_item) return steps == 0;
    destinations_[d].wake = never_tick;
    if (is_unused(destinations_[d])) {
      forget_destination(d);
    } else {
      reconsider(d, now);
    }
  }
}

Instant Scheduler::next_wake() const {
  return std::min(entry_wheel_.begin_of(entry_wheel_.next_tick()),
                  destination_wheel_.begin_of(destination_wheel_.next_tick()));
}

std::optional<RecipientKey> Scheduler::next_overdue() {
  if (overdue_.empty()) return std::nullopt;
  const std::uint32_t i = overdue_.first;
  leave(i);
  enter(i, RecipientState::UnderWay);
  return entries_[i].key();
}

}  // namespace ringpost::store
