// Dispatcher: see dispatcher.h. One attempt is: envelope, order, delivery on the owning core,
// durable outcome.
#include "engine/mta/dispatcher.h"

#include <algorithm>
#include <limits>

#include "engine/mta/agents.h"
#include "engine/mta/content_leases.h"
#include "engine/mta/generation.h"
#include "engine/mta/spool_wait.h"
#include "engine/mta/user_directory.h"
#include "store/queue/schedule.h"

namespace ringpost::mta {
namespace {

constexpr Duration pause_after_failed_write = milliseconds(200);
constexpr Duration pause_after_failed_read = seconds(60);
// A recipient that expired or failed for good is kept when its sender should know and cannot be
// told: it is not tried again by itself.
constexpr Duration held = seconds(100LL * 365 * 86'400);

store::DeliveryStatus status_of(observe::AttemptResult result) {
  switch (result) {
    case observe::AttemptResult::Delivered:
      return store::DeliveryStatus::Delivered;
    case observe::AttemptResult::Relayed:
      return store::DeliveryStatus::Relayed;
    case observe::AttemptResult::Expanded:
      return store::DeliveryStatus::Expanded;
    case observe::AttemptResult::Delayed:
      return store::DeliveryStatus::Delayed;
    case observe::AttemptResult::Failed:
      return store::DeliveryStatus::Failed;
  }
  return store::DeliveryStatus::Delayed;
}

// When a report cannot be made now, what it would tell is found out anew.
constexpr Duration pause_after_untold = seconds(300);

// What the sender might want to know of an attempt.
std::optional<dsn::Action> action_to_tell(store::DeliveryStatus status, bool warns,
                                          bool dsn_passed) {
  const bool is_done =
      status == store::DeliveryStatus::Delivered || status == store::DeliveryStatus::Relayed;
  if (is_done && dsn_passed) return std::nullopt;
  switch (status) {
    case store::DeliveryStatus::Failed:
      return dsn::Action::Failed;
    case store::DeliveryStatus::Delivered:
      return dsn::Action::Delivered;
    case store::DeliveryStatus::Relayed:
      return dsn::Action::Relayed;
    case store::DeliveryStatus::Delayed:
      if (warns) return dsn::Action::Delayed;
      break;
    default:
      break;
  }
  return std::nullopt;
}

bool any_pending_but(const store::MessageSummary& message, std::uint32_t recipient) {
  for (std::uint32_t i = 0; i < message.recipients.size(); ++i)
    if (i != recipient && !store::is_final(message.recipients[i].status)) return true;
  return false;
}

}  // namespace

Dispatcher::Dispatcher(WorkerParts& parts, SegmentStore& segments, store::Index& index,
                       const DispatcherOptions& options)
    : parts_(parts),
      segments_(segments),
      index_(index),
      options_(options),
      local_(parts, segments),
      reports_(parts, segments, buffers_, [this](QueueId id) { return attempts_of(id); }),
      destinations_(parts, segments),
      ready_(options.attempts_max) {
  allow_attempts(options.attempts_max);
  use_generation();
}

void Dispatcher::meet(std::vector<Dispatcher*> all) {
  all_ = std::move(all);
  routed_.resize(all_.size());
  destinations_.meet(all_);
}

void Dispatcher::allow_attempts(std::size_t most) {
  options_.attempts_max = most;
  ready_.allow_active(most);
  parts_.metrics.delivery.attempts.max.set(most);
}

Dispatcher::~Dispatcher() { parts_.core.timers().disarm(timer_); }

void Dispatcher::accepted(QueueId id, store::Envelope envelope, const store::Extent& where) {
  index_.insert(store::summarize(id, envelope, where));
  const auto kept = std::make_shared<const store::Envelope>(std::move(envelope));
  if (kept_.size() < options_.envelopes_kept_max) kept_.emplace(id, kept);
  for (std::uint32_t i = 0; i < kept->recipients.size(); ++i) {
    const store::RecipientProgress& progress = kept->recipients[i].progress;
    if (store::is_final(progress.status)) continue;
    if (send_on_its_way(id, i, *kept, progress.next_due)) continue;
    const store::QueuedRecipient entry{progress.next_due, id, i};
    paused_ ? set_aside_.push_back(entry) : ready_.add(entry);
  }
  update_gauges();
}

// Where they go is found out when they are due: that takes their Envelopes, and there may be
// millions.
void Dispatcher::recovered(store::MessageSummary message) {
  const QueueId id = message.id;
  index_.insert(std::move(message));
  const store::MessageSummary& known = *index_.find(id);
  for (std::uint32_t i = 0; i < known.recipients.size(); ++i) {
    const store::RecipientProgress& progress = known.recipients[i];
    if (store::is_final(progress.status)) continue;
    if (progress.is_held()) {
      unreadable_.insert({id, i});
    } else {
      ready_.add({progress.next_due, id, i});
    }
  }
  update_gauges();
  // Everything was delivered, but the crash came before that was recorded as a whole.
  if (!known.any_pending()) run(complete(id));
}

void Dispatcher::update_gauges() {
  parts_.metrics.delivery.messages_queued.set(index_.size());
  parts_.metrics.delivery.recipients_pending.set(index_.pending_recipients());
}

void Dispatcher::end_of_turn() {
  start_due();
  hand_over_all();
  destinations_.pump();
}

void Dispatcher::stop() {
  stopping_ = true;
  reports_.stop();
  destinations_.stop();
}

void Dispatcher::start_due() {
  if (stopping_) return;
  while (const auto entry = ready_.take(parts_.core.wall())) {
    if (is_wanted(*entry)) {
      run(attempt(*entry));
    } else {
      ready_.done();
    }
  }
  const auto next = ready_.next_due();
  if (!next || ready_.active() >= options_.attempts_max) return;
  const Duration wait = std::max(*next - parts_.core.wall(), Duration{0});
  parts_.core.timers().arm(timer_, parts_.core.now() + wait);
}

ring::Task<void> Dispatcher::attempt(store::QueuedRecipient entry) {
  const Instant began = parts_.core.now();
  active_.insert({entry.id, entry.recipient});
  parts_.metrics.delivery.attempts.used.set(ready_.active());
  // Leased before anything is waited for: the cleaner may move the message and free its old
  // segments meanwhile.
  ContentLeases leases(index_);
  leases.hold_all(index_.find(entry.id)->uses);
  const auto envelope = co_await envelope_of(entry.id);
  if (!envelope) {
    hold_unreadable(entry, envelope.error());
  } else if (send_on_its_way(entry.id, entry.recipient, **envelope, parts_.core.wall())) {
    // Its destination has it now.
  } else if (paused_) {
    set_aside_.push_back(entry);
  } else {
    co_await attempt_in_lane(entry, **envelope, began);
  }
  active_.erase({entry.id, entry.recipient});
  if (index_.find(entry.id) == nullptr)
    forget_notes(entry.id);  // removed by the operator meanwhile
  ready_.done();
  parts_.metrics.delivery.attempts.used.set(ready_.active());
  parts_.core.turn_again();
}

// Not at all when too many of its kind are under way: it is parked, and costs no place in the
// window.
ring::Task<void> Dispatcher::attempt_in_lane(store::QueuedRecipient entry,
                                             const store::Envelope& envelope, Instant began) {
  const store::Recipient& recipient = envelope.recipients[entry.recipient];
  const Lane lane = lane_of(recipient);
  if (!lane.name.empty() && !lanes_.enter(lane.name, lane.most, entry)) co_return;
  Attempt order(*this, owner_of(recipient));
  fill(order, entry, envelope);
  if (&order.away == this) {
    co_await local_.deliver(order);
  } else {
    order.away.parts_.core.post(order);
    co_await order.done;
  }
  if (order.result.damage) {
    hold_unreadable(entry, *order.result.damage);
  } else if (const auto due = co_await record(order, began)) {
    ready_.add({*due, entry.id, entry.recipient});
  }
  if (lane.name.empty()) co_return;
  for (const store::QueuedRecipient& back : lanes_.leave(lane.name)) ready_.add(back);
}

// A user whose command or other process hangs must not keep everybody else waiting. What the engine
// writes itself ends by itself.
Dispatcher::Lane Dispatcher::lane_of(const store::Recipient& recipient) const {
  const conf::Config& config = parts_.generation->config;
  const conf::Action* action = config.find_action(recipient.action);
  if (action == nullptr) return {};
  const std::size_t most_of_window = std::max<std::size_t>(1, ready_.active_max() * 3 / 4);
  if (recipient.target.empty() && action->method == conf::Method::Maildir &&
      is_written_here(*action, recipient))
    return {};
  const std::size_t share = (config.engine.deliveries_per_user_max + all_.size() - 1) / all_.size();
  return {recipient.user, std::max<std::size_t>(1, std::min(share, most_of_window))};
}

// What cannot be known without asking counts as somebody else's.
bool Dispatcher::is_written_here(const conf::Action& action,
                                 const store::Recipient& recipient) const {
  if (parts_.agents == nullptr || !parts_.agents->serves_others()) return true;
  const std::string& writer = action.user.empty() ? recipient.user : action.user;
  if (writer.empty()) return true;
  if (action.user.empty() && action.userbase != nullptr) {
    if (action.userbase->backend() != conf::TableBackend::Memory) return false;
    const auto user = action.userbase->find_user(writer);
    return user && Agents::is_ourselves(user->uid);
  }
  const UserDirectory::Answer known = parts_.users.find(writer, parts_.core.now());
  return known.state == conf::AnswerState::Found && Agents::is_ourselves(known.user.uid);
}

Dispatcher& Dispatcher::owner_of(const store::Recipient& recipient) const {
  const std::hash<std::string> hash;
  return *all_[((hash(recipient.action) * 31) ^ hash(recipient.user)) % all_.size()];
}

void Dispatcher::fill(DeliveryOrder& order, const store::QueuedRecipient& entry,
                      const store::Envelope& envelope) {
  const store::MessageSummary* message = index_.find(entry.id);
  order.id = entry.id;
  order.recipient_index = entry.recipient;
  order.received = envelope.received;
  order.reverse_path = envelope.reverse_path;
  order.envelope_id = envelope.envelope_id;
  order.body = envelope.body;
  order.smtputf8 = envelope.smtputf8;
  order.dsn_return = envelope.dsn_return;
  order.recipient = envelope.recipients[entry.recipient];
  order.extents = envelope.extents;
  if (message != nullptr) order.recipient.progress = message->recipients[entry.recipient];
  order.attempt = static_cast<std::uint16_t>(order.recipient.progress.attempts + 1);
}

void Dispatcher::Attempt::arrived(ring::Message& message) {
  auto& order = static_cast<Attempt&>(message);
  order.away.run(order.away.serve(order));
}

ring::Task<void> Dispatcher::serve(Attempt& order) {
  co_await local_.deliver(order);
  order.handler = &Attempt::returned;
  order.home.parts_.core.post(order);
}

void Dispatcher::Attempt::returned(ring::Message& message) {
  static_cast<Attempt&>(message).done.set();
}

ring::Task<std::expected<std::shared_ptr<const store::Envelope>, Fault>> Dispatcher::envelope_of(
    QueueId id) {
  using Result = std::expected<std::shared_ptr<const store::Envelope>, Fault>;
  if (const auto found = kept_.find(id); found != kept_.end()) co_return Result{found->second};
  const store::MessageSummary* message = index_.find(id);
  if (message == nullptr) co_return Result{std::unexpected(Fault{"message", ENOENT, to_text(id)})};
  const store::Extent where = message->envelope;
  // The message may be done with, and its segment freed, while this is being read.
  ContentLeases lease(index_);
  lease.hold(where.segment);
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return Result{std::unexpected(buffer.error())};
  ContentReader reader(parts_.core.ring(), segments_, buffer->room(), std::span(&where, 1));
  std::vector<std::byte> octets;
  while (true) {
    const auto piece = co_await reader.next();
    if (!piece) co_return Result{std::unexpected(piece.error())};
    if (piece->empty()) break;
    octets.insert(octets.end(), piece->begin(), piece->end());
  }
  auto envelope = store::decode_envelope(octets);
  if (!envelope) co_return Result{std::unexpected(Fault{"envelope", EBADMSG, to_text(id)})};
  if (const store::MessageSummary* present = index_.find(id))
    store::apply_progress(*present, *envelope);
  co_return Result{std::make_shared<const store::Envelope>(std::move(*envelope))};
}

// The message cannot be read, so it cannot be delivered: it stays, is not tried again by itself,
// and is reported.
void Dispatcher::hold_unreadable(const store::QueuedRecipient& entry, const Fault& fault) {
  const std::string reason = to_text(fault);
  if (fault.code != EBADMSG && fault.code != ENOENT) {  // want of memory, a disk that may recover
    errors_[entry.id][entry.recipient] = reason;
    ready_.add({parts_.core.wall() + pause_after_failed_read, entry.id, entry.recipient});
    return;
  }
  const store::MessageSummary* message = index_.find(entry.id);
  parts_.events.emit(parts_.core.wall(),
                     observe::SegmentQuarantined{
                         .file = fault.path,
                         .segment = message != nullptr ? message->envelope.segment.value : 0,
                         .offset = message != nullptr ? message->envelope.offset : 0,
                         .reason = reason});
  parts_.metrics.spool.segments_quarantined.add();
  errors_[entry.id][entry.recipient] = reason;
  unreadable_.insert({entry.id, entry.recipient});
}

store::RecipientProgress Dispatcher::progress_after(const DeliveryOrder& order) const {
  store::RecipientProgress progress;
  progress.status = status_of(order.result.result);
  progress.attempts = order.attempt;
  if (store::is_final(progress.status)) return progress;
  const conf::Config& config = parts_.generation->config;
  store::Schedule schedule;
  const conf::Action* action = config.find_action(order.recipient.action);
  const bool is_relay = action != nullptr && action->method == conf::Method::Relay;
  schedule.step = config.queue.retry_interval * (is_relay ? store::relay_steps : 1);
  schedule.time_to_live = config.time_to_live(order.recipient.action);
  const WallTime now = parts_.core.wall();
  if (store::is_expired(schedule, order.received, now)) {
    progress.status = store::DeliveryStatus::Failed;
    return progress;
  }
  progress.next_due = store::next_attempt(schedule, order.received, order.attempt, now, order.id);
  // One attempt is made at the very moment of a warning: its due time says that it warns.
  if (const auto warning = store::next_warning(config.queue.warn_after, order.received, now))
    progress.next_due = std::min(progress.next_due, *warning);
  return progress;
}

void Dispatcher::note_result(const DeliveryOrder& order, const store::RecipientProgress& progress,
                             Instant began) {
  observe::DeliveryMetrics& metrics = parts_.metrics.delivery;
  const WallTime now = parts_.core.wall();
  const Duration elapsed = parts_.core.now() - began;
  // Accepted later than now: the wall clock was set back meanwhile.
  const Duration delay = std::max(now - order.received, Duration{0});
  if (store::is_final(status_of(order.result.result)) &&
      order.result.result != observe::AttemptResult::Failed) {
    const bool is_relayed = order.result.result == observe::AttemptResult::Relayed;
    (is_relayed ? metrics.relayed : metrics.delivered).add();
    metrics.delay.record(static_cast<std::uint64_t>(delay.milliseconds()));
    if (const auto found = errors_.find(order.id); found != errors_.end()) {
      found->second.erase(order.recipient_index);
      if (found->second.empty()) errors_.erase(found);
    }
  } else {
    const bool failed = order.result.result == observe::AttemptResult::Failed;
    (failed ? metrics.failed : metrics.delayed).add();
    if (!failed && store::is_final(progress.status)) metrics.expired.add();
    errors_[order.id][order.recipient_index] = order.result.detail;
  }
  metrics.attempt_elapsed.record(static_cast<std::uint64_t>(elapsed.ns / 1'000));
  parts_.events.emit(now, observe::AttemptFinished{.id = order.id,
                                                   .recipient = order.recipient_index,
                                                   .to = order.recipient.final_address,
                                                   .action = order.recipient.action,
                                                   .result = order.result.result,
                                                   .status = order.result.status,
                                                   .detail = order.result.detail,
                                                   .tls = order.result.encryption,
                                                   .attempt = order.attempt,
                                                   .elapsed = elapsed,
                                                   .delay = delay});
}

// The outcome is durable before the recipient is forgotten. The last recipient of a message needs
// no Outcome of its own: the Completed record says it all.
ring::Task<std::optional<WallTime>> Dispatcher::record(const DeliveryOrder& order, Instant began) {
  using Due = std::optional<WallTime>;
  store::RecipientProgress progress = progress_after(order);
  note_result(order, progress, began);
  if (index_.find(order.id) == nullptr) co_return Due{};  // removed by the operator meanwhile
  co_await tell_sender(order, progress);
  const store::MessageSummary* message = index_.find(order.id);
  if (message == nullptr) co_return Due{};
  if (store::is_final(progress.status) && !any_pending_but(*message, order.recipient_index)) {
    co_await complete(order.id);
    co_return Due{};
  }
  const store::Outcome outcome{order.recipient_index, progress,
                               order.result.detail.substr(0, store::outcome_text_octets_max)};
  Append append = [this, &order, &outcome](Commit& commit) {
    return parts_.spooler->append(order.id, outcome, commit);
  };
  const auto appended = co_await append_durably(std::move(append));
  if (!appended) co_return Due{};
  index_.apply(order.id, outcome, appended->where);
  message = index_.find(order.id);
  if (message == nullptr) co_return Due{};
  if (!message->any_pending()) {
    co_await complete(order.id);
  }
  update_gauges();
  co_return store::is_final(progress.status) ? Due{} : Due{progress.next_due};
}

std::size_t Dispatcher::attempts_of(QueueId id) const {
  const auto end = active_.upper_bound({id, std::numeric_limits<std::uint32_t>::max()});
  return static_cast<std::size_t>(std::distance(active_.lower_bound({id, 0}), end));
}

// The report is durable before the outcome is; what cannot be told is not over.
ring::Task<void> Dispatcher::tell_sender(const DeliveryOrder& order,
                                         store::RecipientProgress& progress) {
  const conf::Config& config = parts_.generation->config;
  // The moment of a warning came since the attempt was due.
  const auto warning = store::warning_from(config.queue.warn_after, order.received,
                                           order.recipient.progress.next_due);
  const bool warns = warning && *warning <= parts_.core.wall();
  const auto action = action_to_tell(progress.status, warns, order.result.dsn_passed);
  const smtp::NotifySet notify{order.recipient.notify_flags};
  if (!action || !dsn::is_wanted(*action, order.reverse_path, notify)) co_return;
  const WallTime end = order.received + config.time_to_live(order.recipient.action);
  const Told told = co_await reports_.tell(order, *action, end);
  if (told == Told::Sent) co_return;
  if (*action != dsn::Action::Failed) co_return;  // never delivered again for a report's sake
  const bool hold = told == Told::Unroutable;
  progress.status = store::DeliveryStatus::Delayed;
  progress.next_due = parts_.core.wall() + (hold ? held : pause_after_untold);
}

void Dispatcher::forget_notes(QueueId id) {
  errors_.erase(id);
  const RecipientKey first{id, 0}, last{id, std::numeric_limits<std::uint32_t>::max()};
  unreadable_.erase(unreadable_.lower_bound(first), unreadable_.upper_bound(last));
  rerouted_.erase(rerouted_.lower_bound(first), rerouted_.upper_bound(last));
}

ring::Task<void> Dispatcher::complete(QueueId id) {
  if (!completing_.try_emplace(id).second) co_return;
  kept_.erase(id);
  Append append = [this, id](Commit& commit) {
    return parts_.spooler->append_completed(id, commit);
  };
  const auto appended = co_await append_durably(std::move(append));
  const auto told = std::move(completing_.extract(id).mapped());
  if (appended) {
    index_.complete(id, appended->where.segment);
    forget_notes(id);
    update_gauges();
  }
  for (const auto& done : told) done(appended.has_value());
}

ring::Task<std::optional<store::Appended>> Dispatcher::append_durably(Append append) {
  while (true) {
    AwaitedCommit commit;
    const auto appended = append(commit);
    if (appended) {
      co_await commit.settled;
      if (commit.durable) co_return std::optional<store::Appended>(*appended);
      if (stopping_) co_return std::nullopt;
      co_await ring::Pause(parts_.core, pause_after_failed_write);
      continue;
    }
    if (appended.error() == store::Refused::TooLarge) co_return std::nullopt;
    if (stopping_ && !parts_.spooler->accepting()) co_return std::nullopt;
    AwaitedRoom waiter;
    parts_.spooler->wait_for_room(waiter);
    co_await waiter.room;
    // Room is offered again and again while there is no segment to be had: not in a tight loop.
    if (!parts_.spooler->accepting()) co_await ring::Pause(parts_.core, pause_after_failed_write);
  }
}

}  // namespace ringpost::mta
