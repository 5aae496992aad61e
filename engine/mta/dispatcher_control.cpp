// What the operator does to the queue of one core: see dispatcher.h.
#include "engine/mta/dispatcher.h"

namespace ringpost::mta {

void Dispatcher::report_hung() const {
  for (const auto& [id, recipient] : active_)
    parts_.events.emit(parts_.core.wall(), observe::AttemptHung{.id = id, .recipient = recipient});
}

std::string_view Dispatcher::last_error(QueueId id, std::uint32_t recipient) const {
  const auto message = errors_.find(id);
  if (message == errors_.end()) return {};
  const auto found = message->second.find(recipient);
  return found == message->second.end() ? std::string_view{} : std::string_view(found->second);
}

bool Dispatcher::schedule(QueueId id) {
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr) return false;
  const WallTime now = parts_.core.wall();
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
    const bool waits = ready_.remove({message->recipients[i].next_due, id, i});
    if (waits || unreadable_.erase({id, i}) > 0) ready_.add({now, id, i});
  }
  return true;
}

std::vector<QueueId> Dispatcher::all_ids() const {
  std::vector<QueueId> ids;
  ids.reserve(index_.size());
  std::size_t cursor = 0;
  do {
    cursor =
        index_.visit(cursor, 4096, [&](const store::MessageSummary& m) { ids.push_back(m.id); });
  } while (cursor != 0);
  return ids;
}

std::size_t Dispatcher::schedule_all() {
  std::size_t count = 0;
  for (const QueueId id : all_ids()) count += schedule(id) ? 1 : 0;
  return count;
}

void Dispatcher::remove(QueueId id, std::function<void(bool)> done) {
  if (index_.find(id) == nullptr) {
    done(false);
    return;
  }
  if (const auto found = completing_.find(id); found != completing_.end()) {
    found->second.push_back(std::move(done));
    return;
  }
  run(remove_task(id, std::move(done)));
}

// An attempt that is under way when its message is removed still ends, and finds nothing to record.
ring::Task<void> Dispatcher::remove_task(QueueId id, std::function<void(bool)> done) {
  const store::MessageSummary* message = index_.find(id);
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i)
    ready_.remove({message->recipients[i].next_due, id, i});
  co_await complete(id);
  const bool removed = index_.find(id) == nullptr;
  if (removed) parts_.events.emit(parts_.core.wall(), observe::MessageRemoved{.id = id});
  done(removed);
}

}  // namespace ringpost::mta
