// What the operator does to the queue of one core: see dispatcher.h.
#include <algorithm>

#include "engine/mta/dispatcher.h"

namespace ringpost::mta {
namespace {

// Of what the operator wants to be tried now: before all that is due by itself. The Index keeps the
// time of its own.
constexpr WallTime due_by_order{1};

std::size_t count_pending(const store::MessageSummary& message) {
  return static_cast<std::size_t>(std::ranges::count_if(
      message.recipients, [](const auto& progress) { return !store::is_final(progress.status); }));
}

}  // namespace

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

// Takes a recipient out of the queue; false: it is in the middle of an attempt, or of another
// order.
bool Dispatcher::withdraw(QueueId id, std::uint32_t recipient) {
  if (withdraw_here(id, recipient)) return true;
  if (active_.contains({id, recipient})) return false;
  on_all_destinations([=](Destinations& destinations) { destinations.forget({id, recipient}); });
  return true;
}

bool Dispatcher::withdraw_here(QueueId id, std::uint32_t recipient) {
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr) return false;
  const WallTime due = message->recipients[recipient].next_due;
  return ready_.remove({due, id, recipient}) || ready_.remove({due_by_order, id, recipient}) ||
         unreadable_.erase({id, recipient}) > 0;
}

bool Dispatcher::schedule(QueueId id, std::uint32_t recipient) {
  if (withdraw_here(id, recipient)) {
    ready_.add({due_by_order, id, recipient});
    return true;
  }
  if (active_.contains({id, recipient})) return false;
  on_all_destinations([=](Destinations& destinations) { destinations.hasten({id, recipient}); });
  return true;
}

void Dispatcher::pause(bool paused) {
  paused_ = paused;
  destinations_.pause_lmtp(paused);
  if (paused) return;
  for (const store::QueuedRecipient& entry : std::exchange(set_aside_, {})) ready_.add(entry);
  parts_.core.turn_again();
}

bool Dispatcher::schedule(QueueId id) {
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr) return false;
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i)
    if (!store::is_final(message->recipients[i].status)) schedule(id, i);
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
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i) withdraw(id, i);
  co_await complete(id);
  const bool removed = index_.find(id) == nullptr;
  if (removed) parts_.events.emit(parts_.core.wall(), observe::MessageRemoved{.id = id});
  done(removed);
}

ring::Task<Obeyed> Dispatcher::obey(OperatorOrder order, QueueId id,
                                    std::vector<std::uint32_t> recipients) {
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr) co_return Obeyed{};
  std::erase_if(recipients, [&](std::uint32_t recipient) {
    return recipient >= message->recipients.size() ||
           store::is_final(message->recipients[recipient].status);
  });
  if (order == OperatorOrder::Remove) co_return co_await remove_some(id, std::move(recipients));
  Obeyed obeyed;
  for (const std::uint32_t recipient : recipients)
    ++(schedule(id, recipient) ? obeyed.done : obeyed.busy);
  co_return obeyed;
}

// A message is removed as a whole, attempts under way or not, by one record.
ring::Task<Obeyed> Dispatcher::remove_some(QueueId id, std::vector<std::uint32_t> recipients) {
  Obeyed obeyed;
  if (recipients.size() == count_pending(*index_.find(id))) {
    struct {
      ring::Signal told;
      bool done = false;
    } removal;
    remove(id, [&removal](bool done) {
      removal.done = done;
      removal.told.set();
    });
    co_await removal.told;
    (removal.done ? obeyed.done : obeyed.busy) = recipients.size();
    co_return obeyed;
  }
  for (const std::uint32_t recipient : recipients) {
    bool removed = withdraw(id, recipient);
    if (removed) {
      active_.insert({id, recipient});  // no core's destination gets it meanwhile
      removed = co_await settle(id, recipient, store::DeliveryStatus::Removed);
      active_.erase({id, recipient});
    }
    ++(removed ? obeyed.done : obeyed.busy);
  }
  co_return obeyed;
}

// Records durably what the operator has made of a recipient. False: the daemon stops, and cannot.
ring::Task<bool> Dispatcher::settle(QueueId id, std::uint32_t recipient,
                                    store::DeliveryStatus status) {
  const store::MessageSummary* message = index_.find(id);
  store::Outcome outcome{recipient, message->recipients[recipient],
                         std::string(last_error(id, recipient))};
  outcome.progress.status = status;
  Append append = [this, id, &outcome](Commit& commit) {
    return parts_.spooler->append(id, outcome, commit);
  };
  const auto appended = co_await append_durably(std::move(append));
  if (!appended) co_return false;
  index_.apply(id, outcome, appended->where);
  message = index_.find(id);
  if (message != nullptr && !message->any_pending()) co_await complete(id);
  update_gauges();
  co_return true;
}

}  // namespace ringpost::mta
