// What the operator does to the queue of one core: see dispatcher.h.
#include <algorithm>

#include "engine/mta/content_leases.h"
#include "engine/mta/dispatcher.h"
#include "engine/mta/generation.h"

namespace ringpost::mta {
namespace {

// Of what the operator wants to be tried now: before all that is due by itself. The Index keeps the
// time of its own.
constexpr WallTime due_by_order{1};

// What no retry would put off so far is not tried again by itself.
constexpr Duration no_retry_before = seconds(10LL * 365 * 86'400);

// There is nothing to do for it.
bool is_obeyed(OperatorOrder order, const store::RecipientProgress& progress, WallTime now) {
  if (order == OperatorOrder::Hold) return progress.is_held();
  return order == OperatorOrder::Release && !is_kept_back(progress, now);
}

std::size_t count_pending(const store::MessageSummary& message) {
  return static_cast<std::size_t>(std::ranges::count_if(
      message.recipients, [](const auto& progress) { return !store::is_final(progress.status); }));
}

}  // namespace

bool is_kept_back(const store::RecipientProgress& progress, WallTime now) {
  return progress.is_held() || progress.next_due - now > no_retry_before;
}

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

// The operator may have removed or held it meanwhile, or have put it into the queue twice.
bool Dispatcher::is_wanted(const store::QueuedRecipient& entry) const {
  const store::MessageSummary* message = index_.find(entry.id);
  if (message == nullptr || is_active(entry.id, entry.recipient)) return false;
  const store::RecipientProgress& progress = message->recipients[entry.recipient];
  return !store::is_final(progress.status) && !progress.is_held();
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
                                    std::vector<std::uint32_t> recipients, std::string host) {
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr) co_return Obeyed{};
  std::erase_if(recipients, [&](std::uint32_t recipient) {
    return recipient >= message->recipients.size() ||
           store::is_final(message->recipients[recipient].status) ||
           is_obeyed(order, message->recipients[recipient], parts_.core.wall());
  });
  if (order == OperatorOrder::Schedule) co_return schedule_some(id, recipients);
  if (order == OperatorOrder::Remove) co_return co_await remove_some(id, std::move(recipients));
  if (order == OperatorOrder::Bounce) co_return co_await bounce_some(id, std::move(recipients));
  if (order == OperatorOrder::Reroute)
    co_return co_await reroute_some(id, std::move(recipients), std::move(host));
  Obeyed obeyed;
  for (const std::uint32_t recipient : recipients) {
    // What is only put off very far, since its sender could not be told, has nothing to be written.
    const bool is_put_off =
        order == OperatorOrder::Release && !index_.find(id)->recipients[recipient].is_held();
    const bool done = is_put_off ? schedule(id, recipient) : co_await change_hold(id, recipient);
    ++(done ? obeyed.done : obeyed.busy);
    if (index_.find(id) == nullptr) break;  // removed meanwhile
  }
  co_return obeyed;
}

// Those under way go there with their next attempt, and those that are held when they are released.
ring::Task<Obeyed> Dispatcher::reroute_some(QueueId id, std::vector<std::uint32_t> recipients,
                                            std::string host) {
  Obeyed obeyed;
  const auto envelope = co_await envelope_of(id);
  const store::MessageSummary* message = index_.find(id);
  if (!envelope || message == nullptr) co_return Obeyed{.busy = recipients.size()};
  for (const std::uint32_t recipient : recipients) {
    if (store::is_final(message->recipients[recipient].status)) continue;
    const conf::Action* action =
        parts_.generation->config.find_action((*envelope)->recipients[recipient].action);
    if (action == nullptr || !next_hop_to(*action, host)) {
      ++obeyed.unfit;
      continue;
    }
    rerouted_[{id, recipient}] = host;
    ++obeyed.done;
    if (message->recipients[recipient].is_held() || !withdraw(id, recipient)) continue;
    ready_.add({due_by_order, id, recipient});
    parts_.core.turn_again();
  }
  co_return obeyed;
}

Obeyed Dispatcher::schedule_some(QueueId id, const std::vector<std::uint32_t>& recipients) {
  Obeyed obeyed;
  for (const std::uint32_t recipient : recipients) {
    const bool is_held = index_.find(id)->recipients[recipient].is_held();
    ++(is_held ? obeyed.held : schedule(id, recipient) ? obeyed.done : obeyed.busy);
  }
  return obeyed;
}

// Held or released.
ring::Task<bool> Dispatcher::change_hold(QueueId id, std::uint32_t recipient) {
  if (!withdraw(id, recipient)) co_return false;
  store::RecipientProgress progress = index_.find(id)->recipients[recipient];
  ++progress.hold_changes;
  const bool settled = co_await settle(id, recipient, progress);
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr) co_return settled;
  if (message->recipients[recipient].is_held()) {
    unreadable_.insert({id, recipient});
  } else {
    ready_.add({due_by_order, id, recipient});
    parts_.core.turn_again();
  }
  co_return settled;
}

// Recipients of a message come to the end of an attempt together, so they stand in one report.
ring::Task<Obeyed> Dispatcher::bounce_some(QueueId id, std::vector<std::uint32_t> recipients) {
  Obeyed obeyed{.busy = recipients.size()};
  ContentLeases leases(index_);
  leases.hold_all(index_.find(id)->uses);
  const auto envelope = co_await envelope_of(id);
  if (envelope) {
    std::erase_if(recipients, [&](std::uint32_t recipient) { return !withdraw(id, recipient); });
    for (const std::uint32_t recipient : recipients) active_.insert({id, recipient});
    Bounces bounces{.under_way = recipients.size()};
    for (const std::uint32_t recipient : recipients)
      run(bounce(id, recipient, **envelope, bounces));
    if (!recipients.empty()) co_await bounces.over;
    obeyed.done = bounces.told;
    obeyed.busy -= bounces.told;
  }
  if (index_.find(id) == nullptr) forget_notes(id);
  co_return obeyed;
}

// The end of an attempt that was not made.
ring::Task<void> Dispatcher::bounce(QueueId id, std::uint32_t recipient,
                                    const store::Envelope& envelope, Bounces& bounces) {
  Attempt order(*this, *this);
  fill(order, {due_by_order, id, recipient}, envelope);
  order.attempt = order.recipient.progress.attempts;
  order.result.result = observe::AttemptResult::Failed;
  order.result.status = "5.7.0";  // no code of RFC 3463 says that a person decided it
  order.result.detail = "The operator of this mail server has returned the message";
  const auto due = co_await record(order, parts_.core.now());
  active_.erase({id, recipient});
  if (due) ready_.add({*due, id, recipient});
  const store::MessageSummary* message = index_.find(id);
  const bool is_done = message == nullptr || store::is_final(message->recipients[recipient].status);
  if (is_done) ++bounces.told;
  if (--bounces.under_way == 0) bounces.over.set();
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
    const store::RecipientProgress progress{.status = store::DeliveryStatus::Removed};
    const bool removed = withdraw(id, recipient) && co_await settle(id, recipient, progress);
    ++(removed ? obeyed.done : obeyed.busy);
  }
  co_return obeyed;
}

// Records durably what the operator has made of a recipient that is withdrawn. In the meantime it
// counts as active, so that no core's destination gets it. False: the daemon stops, and cannot.
ring::Task<bool> Dispatcher::settle(QueueId id, std::uint32_t recipient,
                                    store::RecipientProgress progress) {
  active_.insert({id, recipient});
  const store::Outcome outcome{recipient, progress, std::string(last_error(id, recipient))};
  Append append = [this, id, &outcome](Commit& commit) {
    return parts_.spooler->append(id, outcome, commit);
  };
  const auto appended = co_await append_durably(std::move(append));
  if (appended) {
    index_.apply(id, outcome, appended->where);
    const store::MessageSummary* message = index_.find(id);
    if (message != nullptr && !message->any_pending()) co_await complete(id);
    update_gauges();
  }
  active_.erase({id, recipient});
  co_return appended.has_value();
}

}  // namespace ringpost::mta
