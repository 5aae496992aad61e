// The destinations of a core: see destinations.h.
#include "engine/mta/destinations.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/mta/dispatcher.h"
#include "engine/mta/generation.h"
#include "engine/mta/random.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t recipients_per_batch_max =
    100;  // every server takes them, RFC 5321 4.5.3.1.8
constexpr std::size_t steps_per_turn = 2'000;
constexpr std::size_t overdue_at_once = 64;
constexpr unsigned connections_most = 1'000;
constexpr std::uint16_t lmtp_connections_max = 20;

// In units of `queue retry-interval`, 10 s if nothing else is said. A server of our own is back in
// a moment; one of somebody else that is away mostly stays away for a while.
constexpr std::int64_t pause_min_intervals = 6;
constexpr std::int64_t pause_max_intervals = 360;
constexpr std::int64_t lmtp_pause_min_intervals = 1;
constexpr std::int64_t lmtp_pause_max_intervals = 6;

// As many as direct descriptors that clients leave (see Worker); some are for other files.
store::SchedulerLimits scheduler_limits(unsigned direct_files) {
  store::SchedulerLimits limits;
  limits.sessions_max = std::clamp(direct_files / 16 - direct_files / 64, 4u, connections_most);
  return limits;
}

}  // namespace

Destinations::Destinations(WorkerParts& parts, const SegmentStore& segments,
                           const ClientTimes& times)
    : parts_(parts),
      segments_(segments),
      times_(times),
      scheduler_(scheduler_limits(parts.core.ring().direct_files_max()), parts.core.now(),
                 random_key()) {
  parts_.metrics.delivery.connections.max.set(
      scheduler_limits(parts.core.ring().direct_files_max()).sessions_max);
}

Destinations::~Destinations() { parts_.core.timers().disarm(timer_); }

void Destinations::use(const Generation& generation) {
  limits_ = store::limits_of(generation.config.mta);
  const Duration interval = generation.config.queue.retry_interval;
  std::uint16_t number = 0;
  for (store::DestinationLimits limits : limits_.limits) {
    limits.pause_min = interval * pause_min_intervals;
    limits.pause_max = interval * pause_max_intervals;
    scheduler_.define_limits(number++, limits);
  }
  lmtp_limits_ = number;
  store::DestinationLimits lmtp;
  lmtp.connections_max = lmtp_connections_max;
  lmtp.pause_min = interval * lmtp_pause_min_intervals;
  lmtp.pause_max = interval * lmtp_pause_max_intervals;
  scheduler_.define_limits(lmtp_limits_, lmtp);
  renumber_all();
}

std::uint16_t Destinations::limits_number(std::string_view destination) const {
  if (destination.starts_with(NextHop::lmtp_prefix)) return lmtp_limits_;
  std::string_view host = NextHop::host_of_key(destination);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return limits_.number_of(host);
}

// Numbers mean what the present configuration says.
void Destinations::renumber_all() {
  for_each_destination([this](store::DestinationId destination) {
    const Instant now = parts_.core.now();
    const std::string name(scheduler_.figures(destination, now).name);
    scheduler_.destination(name, limits_number(name), now);
  });
}

template <class Visit>
void Destinations::for_each_destination(Visit&& visit) {
  std::uint32_t cursor = 0;
  do {
    cursor = scheduler_.visit_destinations(cursor, 1'000, visit);
  } while (cursor != 0);
}

Instant Destinations::instant_of(WallTime time) const {
  return parts_.core.now() + (time - parts_.core.wall());
}

// --- recipients ----------------------------------------------------------------------------------

void Destinations::add(const RoutedRecipient& recipient) {
  const Instant now = parts_.core.now();
  const store::RecipientState state = scheduler_.state_of(recipient.key);
  if (state == store::RecipientState::UnderWay) {
    if (recipient.due <= parts_.core.wall()) hastened_.insert(recipient.key);
    return;
  }
  if (state != store::RecipientState::None) scheduler_.forget(recipient.key, now);
  const bool is_new = !scheduler_.find_destination(recipient.destination);
  const store::DestinationId destination =
      scheduler_.destination(recipient.destination, limits_number(recipient.destination), now);
  if (is_new && is_paused(recipient.destination)) scheduler_.pause(destination, now);
  scheduler_.add({.key = recipient.key,
                  .destination = destination,
                  .sender = recipient.sender,
                  .due = instant_of(recipient.due),
                  .deadline = instant_of(recipient.deadline),
                  .origin = static_cast<std::uint16_t>(recipient.home)},
                 now);
  parts_.core.turn_again();
}

// One whose batch is under way is known until that is settled: by then it may have come back here.
void Destinations::forget(const store::RecipientKey& key) {
  hastened_.erase(key);
  if (scheduler_.state_of(key) == store::RecipientState::UnderWay) return;
  scheduler_.forget(key, parts_.core.now());
}

void Destinations::hasten(const store::RecipientKey& key) {
  const Instant now = parts_.core.now();
  if (scheduler_.state_of(key) == store::RecipientState::UnderWay) hastened_.insert(key);
  scheduler_.hasten(key, now);
  const store::Why why = scheduler_.why(key, now);
  if (why.obstacle == store::Obstacle::DestinationLeftAlone)
    scheduler_.resume(why.destination, now);
  parts_.core.turn_again();
}

// --- batches -------------------------------------------------------------------------------------

OutgoingBatch& Destinations::make_batch(std::span<const store::RecipientKey> keys,
                                        const store::DestinationFigures& figures) {
  Dispatcher& home = *homes_[scheduler_.origin_of(keys.front())];
  auto made = std::make_unique<OutgoingBatch>(home, *this);
  OutgoingBatch& batch = *made;
  batch.keys.assign(keys.begin(), keys.end());
  batch.destination = figures.name;
  batches_.emplace(&batch, std::move(made));
  return batch;
}

void Destinations::batch_filled(ring::Message& message) {
  auto& batch = static_cast<OutgoingBatch&>(message);
  batch.away.filled(batch);
}

void Destinations::batch_settled(ring::Message& message) {
  auto& batch = static_cast<OutgoingBatch&>(message);
  batch.away.settled(batch);
}

void Destinations::filled(OutgoingBatch& batch) {
  const auto found = sessions_.find(batch.session.value);
  CHECK(found != sessions_.end());
  found->second->expect_batch(false);
  found->second->carry(batch);
}

void Destinations::settled(OutgoingBatch& batch) {
  const Instant now = parts_.core.now();
  for (const OutgoingBatch::Waits& one : batch.waits) {
    const Instant due = hastened_.erase(one.key) > 0 ? now : instant_of(one.due);
    scheduler_.again(one.key, due, instant_of(one.deadline), now);
    std::erase(batch.keys, one.key);
  }
  for (const store::RecipientKey& key : batch.keys) {
    hastened_.erase(key);
    scheduler_.forget(key, now);
  }
  const bool was_carried = batch.next.has_value();
  const bool is_overdue = !batch.overdue.empty();
  const store::SessionId session = batch.session;
  batches_.erase(&batch);
  if (is_overdue) --overdue_under_way_;
  parts_.core.turn_again();
  if (is_overdue || was_carried) return;
  // None of its recipients goes there any more. What the session takes instead may end like that at
  // once, and so on: not from here.
  free_.push_back(session);
}

void Destinations::use_free_sessions() {
  for (const store::SessionId id : std::exchange(free_, {})) {
    OutgoingSession& session = *sessions_.at(id.value);
    session.expect_batch(false);
    wants_work(session);
  }
}

// --- sessions ------------------------------------------------------------------------------------

bool Destinations::start_next() {
  const auto start = scheduler_.start(parts_.core.now());
  if (!start) return make_place();
  const std::uint32_t id = start->session.value;
  if (start->is_new)
    sessions_.emplace(id, std::make_unique<OutgoingSession>(
                              parts_, segments_, buffers_,
                              static_cast<OutgoingSessionOwner&>(*this), start->session, times_));
  wants_work(*sessions_.at(id));
  return true;
}

// An idle connection ends when others wait for its place.
bool Destinations::make_place() {
  const auto surplus = scheduler_.surplus();
  if (!surplus) return false;
  let_go(*sessions_.at(surplus->value));
  return true;
}

void Destinations::wants_work(OutgoingSession& session) {
  if (stopping_) {
    let_go(session);
  } else if (!ask_for_work(session)) {
    const bool rests = session.has_connection() && !session.is_worn_out();
    rests ? scheduler_.idle(session.id(), parts_.core.now()) : let_go(session);
  }
}

// True: recipients are on their way to it.
bool Destinations::ask_for_work(OutgoingSession& session) {
  std::array<store::RecipientKey, recipients_per_batch_max> room;
  const Instant now = parts_.core.now();
  const store::Scheduler::Taken taken = scheduler_.take(session.id(), now, room);
  session.wear_out(taken.is_worn_out);
  if (taken.count == 0) return false;
  const store::DestinationId destination = scheduler_.destination_of(session.id());
  OutgoingBatch& batch =
      make_batch(std::span(room).first(taken.count), scheduler_.figures(destination, now));
  batch.session = session.id();
  session.expect_batch(true);
  batch.send(parts_.core, batch.home.core(), &Dispatcher::batch_wanted);
  return true;
}

void Destinations::tried(OutgoingSession& session, OutgoingBatch& batch, bool worked) {
  if (worked) {
    scheduler_.succeeded(session.id(), parts_.core.now());
  } else if (session.failure().empty()) {
    let_go(session);
  } else {
    fail(session);
  }
  batch.send(parts_.core, batch.home.core(), &Dispatcher::batch_tried);
}

void Destinations::fail(OutgoingSession& session) {
  const Instant now = parts_.core.now();
  const store::DestinationId destination = scheduler_.destination_of(session.id());
  const bool was_left_alone =
      scheduler_.figures(destination, now).obstacle == store::Obstacle::DestinationLeftAlone;
  const bool is_left_alone = scheduler_.fail(session.id(), now, session.failure());
  if (is_left_alone && !was_left_alone) {
    const store::DestinationFigures figures = scheduler_.figures(destination, now);
    parts_.events.emit(parts_.core.wall(), observe::DestinationLeftAlone{
                                               .destination = figures.name,
                                               .reason = figures.last_failure,
                                               .wait = figures.until - now,
                                               .recipients = figures.waiting + figures.ready});
  }
  part_from(session);
}

void Destinations::let_go(OutgoingSession& session) {
  scheduler_.close(session.id(), parts_.core.now());
  part_from(session);
}

// What is left of it ends by itself.
void Destinations::part_from(OutgoingSession& session) {
  session.finish();
  auto node = sessions_.extract(session.id().value);
  closing_.push_back(std::move(node.mapped()));
  if (session.is_over()) ended(session);
}

void Destinations::ended(OutgoingSession& session) {
  ended_.push_back(&session);
  parts_.core.turn_again();
}

void Destinations::tidy_sessions() {
  std::vector<OutgoingSession*> ended = std::exchange(ended_, {});
  std::ranges::sort(ended);
  const auto repeated = std::ranges::unique(ended);
  ended.erase(repeated.begin(), repeated.end());
  for (OutgoingSession* session : ended) tidy(*session);
}

void Destinations::tidy(OutgoingSession& session) {
  session.tidy();
  if (!session.is_over()) return;
  const auto known = sessions_.find(session.id().value);
  if (known != sessions_.end() && known->second.get() == &session) let_go(session);
  std::erase(ended_, &session);
  std::erase_if(closing_, [&](const auto& one) { return one.get() == &session; });
}

// --- time ----------------------------------------------------------------------------------------

void Destinations::pump() {
  tidy_sessions();
  use_free_sessions();
  const Instant now = parts_.core.now();
  if (scheduler_.advance(now, steps_per_turn)) parts_.core.turn_again();
  if (stopping_) return;
  settle_overdue();
  while (start_next()) {
  }
  arm(now);
  parts_.metrics.delivery.connections.used.set(connections());
  parts_.metrics.delivery.destinations.set(scheduler_.destinations());
}

// Senders of what waits for a server that does not answer are told in time.
void Destinations::settle_overdue() {
  while (overdue_under_way_ < overdue_at_once) {
    const auto key = scheduler_.next_overdue();
    if (!key) return;
    ++overdue_under_way_;
    const Instant now = parts_.core.now();
    const store::DestinationFigures figures =
        scheduler_.figures(scheduler_.why(*key, now).destination, now);
    OutgoingBatch& batch = make_batch(std::span(&*key, 1), figures);
    batch.overdue = figures.last_failure;
    if (batch.overdue.empty())
      batch.overdue = batch.destination + ": there was no connection for it in time";
    batch.send(parts_.core, batch.home.core(), &Dispatcher::batch_wanted);
  }
}

void Destinations::arm(Instant now) {
  const Instant next = scheduler_.next_wake();
  if (next == armed_for_ && armed_for_ > now) return;
  armed_for_ = next;
  if (next == never) {
    parts_.core.timers().disarm(timer_);
  } else {
    parts_.core.timers().arm(timer_, std::max(next, now));
  }
}

void Destinations::pause_lmtp(bool paused) {
  lmtp_paused_ = paused;
  apply_pauses();
}

void Destinations::pause_smtp(bool paused) {
  smtp_paused_ = paused;
  apply_pauses();
}

void Destinations::pause_domain(const std::string& domain, bool paused) {
  if (paused) {
    paused_domains_.insert(domain);
  } else {
    paused_domains_.erase(domain);
  }
  apply_pauses();
}

bool Destinations::is_paused(std::string_view name) const {
  if (name.starts_with(NextHop::lmtp_prefix)) return lmtp_paused_;
  return smtp_paused_ || paused_domains_.contains(ascii::lower(NextHop::host_of_key(name)));
}

void Destinations::apply_pauses() {
  const Instant now = parts_.core.now();
  for_each_destination([&](store::DestinationId destination) {
    const store::DestinationFigures figures = scheduler_.figures(destination, now);
    const bool paused = is_paused(figures.name);
    if (paused == figures.paused) return;
    paused ? scheduler_.pause(destination, now) : scheduler_.resume(destination, now);
  });
  parts_.core.turn_again();
}

std::map<std::pair<std::string, std::string>, std::uint32_t> Destinations::servers() const {
  std::map<std::pair<std::string, std::string>, std::uint32_t> servers;
  const Instant now = parts_.core.now();
  for (const auto& [id, session] : sessions_) {
    if (!session->has_connection()) continue;
    const store::DestinationId destination = scheduler_.destination_of(store::SessionId{id});
    ++servers[{std::string(session->server()),
               std::string(scheduler_.figures(destination, now).name)}];
  }
  return servers;
}

std::vector<OutgoingSession*> Destinations::all_sessions() const {
  std::vector<OutgoingSession*> all;
  for (const auto& [id, session] : sessions_) all.push_back(session.get());
  for (const auto& session : closing_) all.push_back(session.get());
  return all;
}

void Destinations::stop() {
  stopping_ = true;
  for (OutgoingSession* session : all_sessions()) session->stop();
  parts_.core.turn_again();
}

void Destinations::abort() {
  for (OutgoingSession* session : all_sessions()) session->abort();
}

}  // namespace ringpost::mta
