// What the core of a message does for its recipients that go to other servers: see dispatcher.h.
// It finds their destination, gives what is asked for, and records what became of it.
#include <utility>

#include "engine/mta/content_leases.h"
#include "engine/mta/dispatcher.h"
#include "engine/mta/generation.h"
#include "engine/mta/random.h"
#include "engine/mta/relay_options.h"
#include "proto/smtp/path.h"
#include "store/queue/schedule.h"

namespace ringpost::mta {
namespace {

// An attempt that is due, even at the moment of a warning or of being given up, has so long to come
// about before the sender is told without one: in units of `queue retry-interval`, 10 s.
constexpr std::int64_t attempt_grace_intervals = 6;
// What is put off for longer is in the operator's hands.
constexpr Duration held_beyond = seconds(365LL * 86'400);

std::uint32_t hash_of_sender(std::string_view reverse_path) {
  static const HashKey key = random_key();
  return static_cast<std::uint32_t>(keyed_hash(key, reverse_path));
}

struct DestinationsCall final : ring::Message {
  DestinationsCall(Destinations& target, std::function<void(Destinations&)> what)
      : Message(&DestinationsCall::arrived, &DestinationsCall::forget),
        to(target),
        call(std::move(what)) {}
  static void arrived(ring::Message& message) {
    auto& self = static_cast<DestinationsCall&>(message);
    self.call(self.to);
    delete &self;
  }
  static void forget(ring::Message& message) { delete static_cast<DestinationsCall*>(&message); }
  Destinations& to;
  std::function<void(Destinations&)> call;
};

// RCPT names the address that the recipient has become; by LMTP the user, unless `rcpt-to` is said.
std::optional<std::string> path_of(const conf::Action& action, const store::Recipient& recipient) {
  if (action.method != conf::Method::Relay && !action.lmtp_rcpt_to)
    return smtp::to_text(smtp::ForwardPath{{recipient.user, {}}});
  const auto final = smtp::parse_forward_path(recipient.final_address);
  if (!final) return std::nullopt;
  return smtp::to_text(*final);
}

}  // namespace

// Of one batch, while it is here.
struct Dispatcher::Recording {
  Instant began;
  std::size_t left = 0;  // attempts that are not recorded
  ring::Signal done;
  std::vector<RoutedRecipient> elsewhere;    // they go to another destination now
  std::vector<store::RecipientKey> skipped;  // the operator's, when they were wanted
};

// --- where to ------------------------------------------------------------------------------------

std::optional<NextHop> Dispatcher::next_hop(QueueId id, std::uint32_t index,
                                            const store::Recipient& recipient) const {
  const conf::Action* action = parts_.generation->config.find_action(recipient.action);
  if (action == nullptr) return std::nullopt;
  if (const auto other = rerouted_.find({id, index}); other != rerouted_.end())
    return next_hop_to(*action, other->second);
  const store::MessageSummary* message = index_.find(id);
  return next_hop_of(*action, recipient,
                     message != nullptr ? message->recipients[index].attempts : 0);
}

bool Dispatcher::is_paused(QueueId id, std::uint32_t index,
                           const store::Recipient& recipient) const {
  const auto next = next_hop(id, index, recipient);
  return next ? destinations_.is_paused(next->key()) : paused_;
}

// Nothing: it is not for another server, or held.
std::optional<RoutedRecipient> Dispatcher::route(QueueId id, std::uint32_t index,
                                                 const store::Recipient& recipient,
                                                 std::string_view reverse_path, WallTime received,
                                                 WallTime due) const {
  if (due - parts_.core.wall() > held_beyond) return std::nullopt;
  const auto next = next_hop(id, index, recipient);
  if (!next) return std::nullopt;
  RoutedRecipient routed;
  routed.key = {id, index};
  routed.destination = next->key();
  routed.home = parts_.core.index();
  routed.sender = hash_of_sender(reverse_path);
  routed.due = due;
  routed.deadline = deadline_after(recipient, received, due);
  return routed;
}

// When its sender is told, whether an attempt was made or not.
WallTime Dispatcher::deadline_after(const store::Recipient& recipient, WallTime received,
                                    WallTime due) const {
  const conf::Config& config = parts_.generation->config;
  const WallTime end = received + config.time_to_live(recipient.action);
  const auto warning = store::warning_from(config.queue.warn_after, received, due);
  const WallTime told = std::max(due, warning ? std::min(*warning, end) : end);
  return told + config.queue.retry_interval * attempt_grace_intervals;
}

bool Dispatcher::send_on_its_way(QueueId id, std::uint32_t index, const store::Envelope& envelope,
                                 WallTime due) {
  auto routed =
      route(id, index, envelope.recipients[index], envelope.reverse_path, envelope.received, due);
  if (!routed) return false;
  hand_over(std::move(*routed));
  return true;
}

void Dispatcher::hand_over(RoutedRecipient recipient) {
  const unsigned core = store::owner_of(recipient.destination, static_cast<unsigned>(all_.size()));
  if (all_[core] == this) {
    destinations_.add(recipient);
    return;
  }
  routed_[core].push_back(std::move(recipient));
  parts_.core.turn_again();
}

void Dispatcher::hand_over_all() {
  for (std::size_t core = 0; core < routed_.size(); ++core) {
    if (routed_[core].empty()) continue;
    auto add = [routed = std::exchange(routed_[core], {})](Destinations& to) {
      for (const RoutedRecipient& recipient : routed) to.add(recipient);
    };
    Destinations& to = all_[core]->destinations_;
    to.core().post(*new DestinationsCall(to, std::move(add)));
  }
}

void Dispatcher::on_all_destinations(const std::function<void(Destinations&)>& call) {
  for (Dispatcher* one : all_) {
    if (one == this) {
      call(destinations_);
    } else {
      one->core().post(*new DestinationsCall(one->destinations_, call));
    }
  }
}

// --- a batch -------------------------------------------------------------------------------------

void Dispatcher::batch_wanted(ring::Message& message) {
  auto& batch = static_cast<OutgoingBatch&>(message);
  batch.home.run(batch.home.carry(batch));
}

void Dispatcher::batch_tried(ring::Message& message) {
  static_cast<OutgoingBatch&>(message).tried.set();
}

ring::Task<void> Dispatcher::carry(OutgoingBatch& batch) {
  Recording recording;
  recording.began = parts_.core.now();
  const QueueId id = batch.keys.front().id;
  const store::MessageSummary* message = index_.find(id);
  if (message != nullptr && !completing_.contains(id)) {
    ContentLeases leases(index_);
    leases.hold_all(message->uses);
    const auto envelope = co_await envelope_of(id);
    if (envelope) {
      fill(batch, **envelope, recording);
      co_await carry_filled(batch, recording);
    } else {
      for (const store::RecipientKey& key : batch.keys)
        hold_unreadable({.due = {}, .id = id, .recipient = key.recipient}, envelope.error());
    }
    if (index_.find(id) == nullptr) forget_notes(id);  // removed by the operator meanwhile
  }
  settle(batch, recording);
}

void Dispatcher::fill(OutgoingBatch& batch, const store::Envelope& envelope, Recording& recording) {
  for (const store::RecipientKey& key : batch.keys) {
    const store::Recipient& recipient = envelope.recipients[key.recipient];
    const store::MessageSummary* message = index_.find(key.id);
    if (message == nullptr || store::is_final(message->recipients[key.recipient].status)) continue;
    if (is_active(key.id, key.recipient) || message->recipients[key.recipient].is_held()) {
      recording.skipped.push_back(key);  // an order of the operator is under way
      continue;
    }
    auto next = next_hop(key.id, key.recipient, recipient);
    if (!next || next->key() != batch.destination) {
      // The configuration is another one by now.
      const WallTime now = parts_.core.wall();
      auto routed =
          route(key.id, key.recipient, recipient, envelope.reverse_path, envelope.received, now);
      if (routed) {
        recording.elsewhere.push_back(std::move(*routed));
      } else {
        ready_.add({now, key.id, key.recipient});
      }
      continue;
    }
    add_attempt(batch, key, envelope, std::move(*next));
  }
}

void Dispatcher::add_attempt(OutgoingBatch& batch, const store::RecipientKey& key,
                             const store::Envelope& envelope, NextHop next) {
  const conf::Action& action =
      *parts_.generation->config.find_action(envelope.recipients[key.recipient].action);
  OutgoingAttempt& attempt = batch.attempts.emplace_back();
  fill(attempt, {.due = {}, .id = key.id, .recipient = key.recipient}, envelope);
  attempt.relayed_sender = relayed_sender(*parts_.generation, action.relay, attempt.reverse_path,
                                          attempt.recipient, parts_.core.wall());
  const WallTime now = parts_.core.wall();
  if (attempt.relayed_sender != batch.attempts.front().relayed_sender) {
    // A transaction has one sender: it is the next one's.
    batch.waits.push_back({key, now, deadline_after(attempt.recipient, attempt.received, now)});
    batch.attempts.pop_back();
    return;
  }
  auto path = path_of(action, attempt.recipient);
  if (!batch.overdue.empty()) {
    attempt.is_settled = true;
    --attempt.attempt;  // none is made
    attempt.result = {observe::AttemptResult::Delayed, "4.4.1", batch.overdue};
  } else if (!path) {
    attempt.is_settled = true;
    attempt.result = {observe::AttemptResult::Delayed, "4.3.5", "there is no address for RCPT"};
  } else {
    attempt.path = std::move(*path);
    batch.next = std::move(next);
  }
}

ring::Task<void> Dispatcher::carry_filled(OutgoingBatch& batch, Recording& recording) {
  for (const OutgoingAttempt& attempt : batch.attempts)
    active_.insert({attempt.id, attempt.recipient_index});
  if (batch.next) {
    batch.send(parts_.core, batch.away.core(), &Destinations::batch_filled);
    co_await batch.tried;
  }
  recording.left = batch.attempts.size();
  if (recording.left == 0) co_return;
  for (OutgoingAttempt& attempt : batch.attempts) run(record_one(batch, attempt, recording));
  co_await recording.done;
}

ring::Task<void> Dispatcher::record_one(OutgoingBatch& batch, OutgoingAttempt& attempt,
                                        Recording& recording) {
  if (attempt.result.damage) {
    hold_unreadable({.due = {}, .id = attempt.id, .recipient = attempt.recipient_index},
                    *attempt.result.damage);
  } else if (const auto due = co_await record(attempt, recording.began)) {
    wait_again(batch, attempt, *due, recording);
  }
  active_.erase({attempt.id, attempt.recipient_index});
  if (--recording.left == 0) recording.done.set();
}

// The hosts of a relay are taken in turns, so the next attempt may be for another one.
void Dispatcher::wait_again(OutgoingBatch& batch, const OutgoingAttempt& attempt, WallTime due,
                            Recording& recording) {
  // What no connection was made for goes as soon as there is one. After its end it is only here
  // because its sender could not be told, and that was put off.
  const WallTime end =
      attempt.received + parts_.generation->config.time_to_live(attempt.recipient.action);
  if (!batch.overdue.empty() && due <= end) due = parts_.core.wall();
  auto routed = route(attempt.id, attempt.recipient_index, attempt.recipient, attempt.reverse_path,
                      attempt.received, due);
  if (!routed) {
    ready_.add({due, attempt.id, attempt.recipient_index});
  } else if (routed->destination == batch.destination) {
    batch.waits.push_back({routed->key, routed->due, routed->deadline});
  } else {
    recording.elsewhere.push_back(std::move(*routed));
  }
}

// The batch may be gone when this returns. A destination must have forgotten a recipient before it
// comes back to it by another name.
void Dispatcher::settle(OutgoingBatch& batch, Recording& recording) {
  std::vector<RoutedRecipient> elsewhere = std::move(recording.elsewhere);
  // What was released while the batch still named it was not taken by the destination.
  for (const store::RecipientKey& key : recording.skipped)
    ready_.add({parts_.core.wall(), key.id, key.recipient});
  batch.send(parts_.core, batch.away.core(), &Destinations::batch_settled);
  for (RoutedRecipient& recipient : elsewhere) hand_over(std::move(recipient));
  parts_.core.turn_again();
}

}  // namespace ringpost::mta
