// The attempts of `lmtp` actions: see lmtp_delivery.h.
#include "engine/mta/lmtp_delivery.h"

#include <algorithm>

namespace ringpost::mta {

LmtpRoute::LmtpRoute(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
                     std::string destination, const LmtpLimits& limits)
    : parts_(parts),
      segments_(segments),
      buffers_(buffers),
      destination_(std::move(destination)),
      limits_(limits),
      target_(LmtpDestination::parse(destination_)) {}

void LmtpRoute::add(LmtpAttempt& attempt) {
  const auto fits = std::ranges::find_if(waiting_, [&](const LmtpBatch& batch) {
    return batch.front()->order.id == attempt.order.id &&
           batch.size() < limits_.batch_recipients_max;
  });
  if (fits != waiting_.end()) {
    fits->push_back(&attempt);
  } else {
    waiting_.push_back({&attempt});
  }
}

void LmtpRoute::pump() {
  std::erase_if(connections_, [](const Held& held) { return held.gone; });
  if (!waiting_.empty() && !target_) {
    put_off_all(destination_ + " is no LMTP destination");
    return;
  }
  if (stopping_ && !waiting_.empty()) put_off_all("the daemon is stopping");
  for (Held& held : connections_) {
    if (waiting_.empty()) return;
    if (!held.connection->is_idle()) continue;
    LmtpBatch batch = std::move(waiting_.front());
    waiting_.pop_front();
    held.connection->give(std::move(batch));
  }
  const auto opening = static_cast<std::size_t>(
      std::ranges::count_if(connections_, [](const Held& held) { return !held.ready; }));
  for (std::size_t wanted = waiting_.size(); wanted > opening; --wanted) {
    if (connections_.size() >= limits_.connections_max) return;
    open();
  }
}

void LmtpRoute::open() {
  connections_.push_back({.connection = std::make_unique<LmtpConnection>(
                              parts_, segments_, buffers_, static_cast<LmtpConnectionOwner&>(*this),
                              destination_, limits_.times)});
  LmtpConnection& connection = *connections_.back().connection;
  ring::Task<void>::spawn(scope_, connection.run(*target_));
}

LmtpRoute::Held& LmtpRoute::held(const LmtpConnection& connection) {
  const auto found = std::ranges::find_if(
      connections_, [&](const Held& held) { return held.connection.get() == &connection; });
  CHECK(found != connections_.end());
  return *found;
}

void LmtpRoute::idle(LmtpConnection& connection) {
  held(connection).ready = true;
  parts_.core.turn_again();
}

// As long as some connection works, the batches wait for that one.
void LmtpRoute::not_connected(LmtpConnection& connection, const std::string& why) {
  const bool any_ready = std::ranges::any_of(connections_, [&](const Held& other) {
    return other.ready && !other.gone && other.connection.get() != &connection;
  });
  if (!any_ready) put_off_all(why);
}

void LmtpRoute::put_off_all(const std::string& why) {
  const std::deque<LmtpBatch> batches = std::exchange(waiting_, {});
  for (const LmtpBatch& batch : batches) put_off(batch, why);
}

void LmtpRoute::put_off(const LmtpBatch& batch, const std::string& why) {
  for (LmtpAttempt* attempt : batch) {
    // RFC 3463: 4.4.1, no answer from host
    attempt->order.result = {observe::AttemptResult::Delayed, "4.4.1", why};
    attempt->done.set();
  }
}

// Once: a server that keeps doing that must not keep us busy.
void LmtpRoute::give_back(LmtpBatch batch) {
  if (batch.front()->repeated) {
    put_off(batch, destination_ + " closed the connection");
    return;
  }
  for (LmtpAttempt* attempt : batch) attempt->repeated = true;
  waiting_.push_front(std::move(batch));
  parts_.core.turn_again();
}

void LmtpRoute::gone(LmtpConnection& connection) {
  held(connection).gone = true;
  parts_.core.turn_again();
}

void LmtpRoute::stop() {
  stopping_ = true;
  for (Held& held : connections_)
    if (!held.gone) held.connection->stop();
}

void LmtpRoute::abort() {
  for (Held& held : connections_)
    if (!held.gone) held.connection->abort();
}

ring::Task<void> LmtpDelivery::deliver(DeliveryOrder& order, std::string destination,
                                       std::string path) {
  auto found = routes_.find(destination);
  if (found == routes_.end()) {
    auto route = std::make_unique<LmtpRoute>(parts_, segments_, buffers_, destination, limits_);
    if (stopping_) route->stop();
    found = routes_.emplace(std::move(destination), std::move(route)).first;
  }
  LmtpAttempt attempt{.order = order, .path = std::move(path)};
  found->second->add(attempt);
  parts_.core.turn_again();
  co_await attempt.done;
}

void LmtpDelivery::pump() {
  for (auto& [destination, route] : routes_) route->pump();
  std::erase_if(routes_, [](const auto& entry) { return entry.second->idle(); });
}

void LmtpDelivery::stop() {
  stopping_ = true;
  for (auto& [destination, route] : routes_) route->stop();
}

void LmtpDelivery::abort() {
  for (auto& [destination, route] : routes_) route->abort();
}

}  // namespace ringpost::mta
