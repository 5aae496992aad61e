// Scheduler, what the operator sees and does: see scheduler.h.
#include "proto/base/check.h"
#include "store/queue/scheduler.h"

namespace ringpost::store {

Why Scheduler::why(const RecipientKey& key, Instant now) const {
  const std::uint32_t i = find(key);
  if (i == no_item) return {};
  const Entry& entry = entries_[i];
  Why why{Obstacle::UnderWay, {entry.destination}, never, entry_wheel_.begin_of(entry.deadline)};
  switch (entry.state) {
    case RecipientState::None:
    case RecipientState::UnderWay:
    case RecipientState::Overdue:
      return why;
    case RecipientState::Held:
      why.obstacle = Obstacle::Held;
      return why;
    case RecipientState::Waiting:
      why.obstacle = Obstacle::Retry;
      why.until = entry_wheel_.begin_of(entry.due);
      return why;
    case RecipientState::Ready:
      break;
  }
  if (paused_) {
    why.obstacle = Obstacle::AllPaused;
    return why;
  }
  std::tie(why.obstacle, why.until) = obstacle_of(destinations_[entry.destination], now);
  if (why.obstacle != Obstacle::Turn) return why;
  if (under_way_ >= limits_.recipients_max) why.obstacle = Obstacle::RecipientsMax;
  const Destination& destination = destinations_[entry.destination];
  if (destination.idle_sessions.empty() && !may_connect(destination))
    why.obstacle = Obstacle::SessionsMax;
  return why;
}

DestinationFigures Scheduler::figures(DestinationId id, Instant now) const {
  const Destination& destination = destinations_[id.value];
  CHECK(destination.known);
  const auto count = [&](RecipientState state) {
    return destination.counts[static_cast<std::size_t>(state)];
  };
  DestinationFigures figures;
  figures.name = destination.name;
  figures.last_failure = destination.last_failure;
  figures.waiting = count(RecipientState::Waiting);
  figures.ready = count(RecipientState::Ready);
  figures.under_way = count(RecipientState::UnderWay) + count(RecipientState::Overdue);
  figures.held = count(RecipientState::Held);
  figures.sessions = destination.sessions;
  figures.window = destination.concurrency.window();
  figures.paused = destination.paused;
  std::tie(figures.obstacle, figures.until) = obstacle_of(destination, now);
  return figures;
}

void Scheduler::pause(DestinationId id, Instant now) {
  CHECK(destinations_[id.value].known);
  destinations_[id.value].paused = true;
  reconsider(id.value, now);
}

void Scheduler::resume(DestinationId id, Instant now) {
  CHECK(destinations_[id.value].known);
  destinations_[id.value].paused = false;
  destinations_[id.value].left_alone_until = {};
  reconsider(id.value, now);
}

bool Scheduler::hold(const RecipientKey& key, Instant now) {
  const std::uint32_t i = find_free(key);
  if (i == no_item) return false;
  leave(i);
  enter(i, RecipientState::Held);
  reconsider(entries_[i].destination, now);
  return true;
}

bool Scheduler::release(const RecipientKey& key, Instant now) {
  const std::uint32_t i = find_free(key);
  if (i == no_item) return false;
  if (entries_[i].state != RecipientState::Held) return true;
  leave(i);
  enter(i, RecipientState::Ready);
  reconsider(entries_[i].destination, now);
  return true;
}

bool Scheduler::hasten(const RecipientKey& key, Instant now) {
  const std::uint32_t i = find_free(key);
  if (i == no_item || entries_[i].state == RecipientState::Held) return false;
  if (entries_[i].state != RecipientState::Waiting) return true;
  leave(i);
  enter(i, RecipientState::Ready);
  reconsider(entries_[i].destination, now);
  return true;
}

bool Scheduler::reroute(const RecipientKey& key, DestinationId destination, Instant now) {
  CHECK(destinations_[destination.value].known);
  const std::uint32_t i = find_free(key);
  if (i == no_item) return false;
  const RecipientState state = entries_[i].state;
  const std::uint32_t before = entries_[i].destination;
  leave(i);
  entries_[i].destination = destination.value;
  enter(i, state);
  reconsider(before, now);
  reconsider(destination.value, now);
  return true;
}

}  // namespace ringpost::store
