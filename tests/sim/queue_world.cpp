// See queue_world.h.
#include "tests/sim/queue_world.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/check.h"

namespace ringpost::sim {

using store::DeliveryStatus;
using store::RecipientKey;
using store::SessionId;

std::string QueueWorld::name_of(std::uint32_t server) { return fmt::format("{}.example", server); }

std::uint32_t QueueWorld::add_server(const Server& server) {
  servers_.push_back(server);
  return static_cast<std::uint32_t>(servers_.size() - 1);
}

std::size_t QueueWorld::accept(std::uint32_t server, std::uint32_t sender,
                               std::uint32_t recipients) {
  const std::size_t first = letters_.size();
  for (std::uint32_t i = 0; i < recipients; ++i) {
    Letter& letter = letters_.emplace_back();
    letter.server = server;
    letter.sender = sender;
    letter.received = now_;
    letter.progress.next_due = wall(now_);
    message_of_.push_back(first + 1);
    enter(first + i);
  }
  return first;
}

// Notices up to the due time that is durable were given; one at that very time was not yet.
Instant QueueWorld::deadline_of(const Letter& letter) const {
  const WallTime received = wall(letter.received);
  const WallTime expiry = received + rules_.schedule.time_to_live;
  const WallTime told = letter.progress.next_due + Duration{-1'000};
  return instant(
      std::min(expiry, store::next_warning(rules_.warn_after, received, told).value_or(expiry)));
}

void QueueWorld::enter(std::size_t at) {
  const Letter& letter = letters_[at];
  const RecipientKey key{QueueId{message_of_[at]},
                         static_cast<std::uint32_t>(at + 1 - message_of_[at])};
  const store::DestinationId destination = scheduler_.destination(name_of(letter.server), 0, now_);
  scheduler_.add({.key = key,
                  .destination = destination,
                  .sender = letter.sender,
                  .due = instant(letter.progress.next_due),
                  .deadline = deadline_of(letter)},
                 now_);
}

void QueueWorld::restart() {
  scheduler_ = store::Scheduler(rules_.limits, now_, {5, 6});
  sessions_.clear();
  events_ = {};
  for (Server& server : servers_) server.open = 0;
  for (std::size_t at = 0; at < letters_.size(); ++at)
    if (!is_final(letters_[at].progress.status)) enter(at);
}

void QueueWorld::run_until(Instant end) {
  while (true) {
    while (!events_.empty() && events_.top().at <= now_) {
      const Event event = events_.top();
      events_.pop();
      happen(event);
    }
    turn();
    if (now_ >= end) return;
    Instant next = std::min(end, scheduler_.next_wake());
    if (!events_.empty()) next = std::min(next, events_.top().at);
    CHECK(next > now_);
    now_ = next;
  }
}

// What the owner does at the end of every turn of its loop.
void QueueWorld::turn() {
  while (scheduler_.advance(now_, 1'000)) continue;
  while (const auto key = scheduler_.next_overdue()) delay(*key, Cause::Deadline);
  while (true) {
    while (const auto start = scheduler_.start(now_)) begin(*start);
    const auto surplus = scheduler_.surplus();
    if (!surplus) break;
    end(*surplus);
  }
  sessions_most_ = std::max(sessions_most_, scheduler_.sessions());
}

void QueueWorld::plan(SessionId id, Session::Stage stage, Duration after) {
  Session& session = sessions_[id.value];
  session.stage = stage;
  events_.push({now_ + after, next_event_++, id, ++session.stamp});
}

void QueueWorld::begin(const store::Scheduler::Start& start) {
  if (!start.is_new) {
    send_next(start.session);
    return;
  }
  if (start.session.value >= sessions_.size()) sessions_.resize(start.session.value + 1);
  Session& session = sessions_[start.session.value];
  const auto name = scheduler_.figures(start.destination, now_).name;
  session.server = *ascii::parse_decimal<std::uint32_t>(name.substr(0, name.find('.')));
  Server& server = servers_[session.server];
  ++server.connections;
  server.open_most = std::max(server.open_most, ++server.open);
  const bool answers = now_ >= server.answers_from && now_ < server.answers_until;
  plan(start.session, Session::Stage::Connecting, answers ? server.connect : server.timeout);
}

void QueueWorld::happen(const Event& event) {
  Session& session = sessions_[event.session.value];
  if (session.stamp != event.stamp) return;
  Server& server = servers_[session.server];
  switch (session.stage) {
    case Session::Stage::None:
      return;
    case Session::Stage::Connecting:
      if (now_ >= server.answers_from && now_ < server.answers_until) {
        send_next(event.session);
        return;
      }
      ++server.failed_connections;
      --server.open;
      session.stage = Session::Stage::None;
      scheduler_.fail(event.session, now_, "no answer");
      return;
    case Session::Stage::Sending:
      ++server.transactions;
      for (const RecipientKey& key : session.batch) answer(key, server.manner);
      scheduler_.succeeded(event.session, now_);
      send_next(event.session);
      return;
    case Session::Stage::Idle:
      end(event.session);
      return;
  }
}

void QueueWorld::send_next(SessionId id) {
  Session& session = sessions_[id.value];
  std::array<RecipientKey, 100> room;
  const auto taken = scheduler_.take(id, now_, room);
  session.batch.assign(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(taken.count));
  if (taken.count > 0) {
    for (const RecipientKey& key : session.batch) {
      Letter& to = letter(key);
      to.first_attempt = std::min(to.first_attempt, now_);
      ++to.attempts;
    }
    plan(id, Session::Stage::Sending, servers_[session.server].transaction);
  } else if (taken.is_worn_out) {
    end(id);
  } else {
    scheduler_.idle(id, now_);
    plan(id, Session::Stage::Idle, rules_.keep_idle);
  }
}

void QueueWorld::end(SessionId id) {
  Session& session = sessions_[id.value];
  --servers_[session.server].open;
  session.stage = Session::Stage::None;
  ++session.stamp;
  scheduler_.close(id, now_);
}

void QueueWorld::answer(const RecipientKey& key, Manner manner) {
  const Letter& to = letter(key);
  switch (manner) {
    case Manner::Takes:
      return finish(key, true);
    case Manner::Refuses:
      return finish(key, false);
    case Manner::IsFull:
      return delay(key, Cause::Attempt);
    case Manner::Greylists:
      if (now_ - to.first_attempt >= seconds(300)) return finish(key, true);
      return delay(key, Cause::Attempt);
  }
}

void QueueWorld::finish(const RecipientKey& key, bool delivered) {
  Letter& to = letter(key);
  to.progress.status = delivered ? DeliveryStatus::Relayed : DeliveryStatus::Failed;
  ++(delivered ? to.deliveries : to.bounces);
  to.ended = now_;
  CHECK(scheduler_.forget(key, now_));
}

// After an attempt that did not succeed, or when a deadline has passed.
void QueueWorld::delay(const RecipientKey& key, Cause cause) {
  Letter& to = letter(key);
  const WallTime received = wall(to.received), now = wall(now_);
  if (store::is_expired(rules_.schedule, received, now)) return finish(key, false);
  const auto warning =
      store::next_warning(rules_.warn_after, received, to.progress.next_due + Duration{-1'000});
  if (warning && *warning <= now) ++to.warnings;
  store::RecipientProgress news = to.progress;
  news.status = DeliveryStatus::Delayed;
  if (cause == Cause::Deadline) {
    news.next_due = now + microseconds(1);  // it is tried when that is possible; told until now
  } else {
    ++news.attempts;
    news.next_due = store::next_attempt(rules_.schedule, received, news.attempts, now, key.id);
    if (const auto next = store::next_warning(rules_.warn_after, received, now))
      news.next_due = std::min(news.next_due, *next);
  }
  merge(to.progress, news);
  CHECK(to.progress == news);
  scheduler_.again(key, instant(news.next_due), deadline_of(to), now_);
}

}  // namespace ringpost::sim
