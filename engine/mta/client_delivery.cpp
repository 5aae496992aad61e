// Attempts by SMTP and LMTP: see client_delivery.h.
#include "engine/mta/client_delivery.h"

#include <algorithm>

namespace ringpost::mta {

ClientRoute::ClientRoute(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
                         NextHop next, const ClientLimits& limits)
    : parts_(parts),
      segments_(segments),
      buffers_(buffers),
      next_(std::move(next)),
      limits_(limits) {}

void ClientRoute::add(ClientAttempt& attempt) {
  const auto fits = std::ranges::find_if(waiting_, [&](const ClientBatch& batch) {
    return batch.front()->order.id == attempt.order.id &&
           batch.size() < limits_.batch_recipients_max;
  });
  if (fits != waiting_.end()) {
    fits->push_back(&attempt);
  } else {
    waiting_.push_back({&attempt});
  }
}

void ClientRoute::pump() {
  std::erase_if(connections_, [](const Held& held) { return held.gone; });
  if (stopping_ && !waiting_.empty()) put_off_all({.text = "the daemon is stopping"});
  for (Held& held : connections_) {
    if (waiting_.empty()) return;
    if (!held.connection->is_idle()) continue;
    ClientBatch batch = std::move(waiting_.front());
    waiting_.pop_front();
    held.connection->give(std::move(batch));
  }
  const auto opening = static_cast<std::size_t>(
      std::ranges::count_if(connections_, [](const Held& held) { return !held.ready; }));
  for (std::size_t wanted = waiting_.size(); wanted > opening; --wanted) {
    const std::size_t most = next_.lmtp ? limits_.connections_max : limits_.smtp_connections_max;
    if (connections_.size() >= most) return;
    open();
  }
}

void ClientRoute::open() {
  connections_.push_back({.connection = std::make_unique<ClientConnection>(
                              parts_, segments_, buffers_,
                              static_cast<ClientConnectionOwner&>(*this), next_, limits_.times)});
  ClientConnection& connection = *connections_.back().connection;
  ring::Task<void>::spawn(scope_, connection.run());
}

ClientRoute::Held& ClientRoute::held(const ClientConnection& connection) {
  const auto found = std::ranges::find_if(
      connections_, [&](const Held& held) { return held.connection.get() == &connection; });
  CHECK(found != connections_.end());
  return *found;
}

void ClientRoute::idle(ClientConnection& connection) {
  held(connection).ready = true;
  parts_.core.turn_again();
}

// As long as some connection works, the batches wait for that one.
void ClientRoute::not_connected(ClientConnection& connection, const NoWay& why) {
  const bool any_ready = std::ranges::any_of(connections_, [&](const Held& other) {
    return other.ready && !other.gone && other.connection.get() != &connection;
  });
  if (!any_ready) put_off_all(why);
}

void ClientRoute::put_off_all(const NoWay& why) {
  const std::deque<ClientBatch> batches = std::exchange(waiting_, {});
  for (const ClientBatch& batch : batches) put_off(batch, why);
}

void ClientRoute::put_off(const ClientBatch& batch, const NoWay& why) {
  for (ClientAttempt* attempt : batch) {
    using enum observe::AttemptResult;
    attempt->order.result = {why.permanent ? Failed : Delayed, why.status, why.text};
    attempt->done.set();
  }
}

// Once: a server that keeps doing that must not keep us busy.
void ClientRoute::give_back(ClientBatch batch) {
  if (batch.front()->repeated) {
    put_off(batch, {.text = next_.name + " closed the connection"});
    return;
  }
  for (ClientAttempt* attempt : batch) attempt->repeated = true;
  waiting_.push_front(std::move(batch));
  parts_.core.turn_again();
}

void ClientRoute::gone(ClientConnection& connection) {
  held(connection).gone = true;
  parts_.core.turn_again();
}

void ClientRoute::stop() {
  stopping_ = true;
  for (Held& held : connections_)
    if (!held.gone) held.connection->stop();
}

void ClientRoute::abort() {
  for (Held& held : connections_)
    if (!held.gone) held.connection->abort();
}

ring::Task<void> ClientDelivery::deliver(DeliveryOrder& order, NextHop next, std::string path) {
  std::string key = next.key();
  auto found = routes_.find(key);
  if (found == routes_.end()) {
    auto route =
        std::make_unique<ClientRoute>(parts_, segments_, buffers_, std::move(next), limits_);
    if (stopping_) route->stop();
    found = routes_.emplace(std::move(key), std::move(route)).first;
  }
  ClientAttempt attempt{.order = order, .path = std::move(path)};
  found->second->add(attempt);
  parts_.core.turn_again();
  co_await attempt.done;
}

void ClientDelivery::pump() {
  for (auto& [destination, route] : routes_) route->pump();
  std::erase_if(routes_, [](const auto& entry) { return entry.second->idle(); });
}

void ClientDelivery::stop() {
  stopping_ = true;
  for (auto& [destination, route] : routes_) route->stop();
}

void ClientDelivery::abort() {
  for (auto& [destination, route] : routes_) route->abort();
}

}  // namespace ringpost::mta
