// Sessions with other servers: see outgoing_session.h.
#include "engine/mta/outgoing_session.h"

#include <utility>

namespace ringpost::mta {

OutgoingSession::OutgoingSession(WorkerParts& parts, const SegmentStore& segments,
                                 ReadBuffers& buffers, OutgoingSessionOwner& owner,
                                 store::SessionId id, const ClientTimes& times)
    : parts_(parts),
      segments_(segments),
      buffers_(buffers),
      owner_(owner),
      id_(id),
      times_(times) {}

void OutgoingSession::carry(OutgoingBatch& batch) {
  CHECK(batch_ == nullptr);
  batch_ = &batch;
  if (connection_ == nullptr) {
    open();
  } else if (!gone_ && connection_->is_idle()) {
    connection_->give(*std::exchange(batch_, nullptr));
  }
}

void OutgoingSession::open() {
  if (stopping_) {
    put_off({.text = "the daemon is stopping"});
    return;
  }
  gone_ = false;
  next_ = *batch_->next;
  connection_ = std::make_unique<ClientConnection>(
      parts_, segments_, buffers_, static_cast<ClientConnectionOwner&>(*this), next_, times_);
  ring::Task<void>::spawn(scope_, connection_->run());
}

void OutgoingSession::finish() {
  if (connection_ != nullptr && !gone_) connection_->stop();
}

void OutgoingSession::stop() {
  stopping_ = true;
  finish();
}

void OutgoingSession::abort() {
  stopping_ = true;
  if (connection_ != nullptr && !gone_) connection_->abort();
}

void OutgoingSession::tidy() {
  if (!gone_) return;
  connection_.reset();
  gone_ = false;
  if (batch_ != nullptr) open();
}

void OutgoingSession::idle(ClientConnection& connection) {
  if (batch_ != nullptr) {
    connection.give(*std::exchange(batch_, nullptr));
  } else {
    owner_.wants_work(*this);
  }
}

void OutgoingSession::put_off(const NoWay& why) {
  using enum observe::AttemptResult;
  OutgoingBatch* batch = std::exchange(batch_, nullptr);
  if (batch == nullptr) return;
  for (OutgoingAttempt& attempt : batch->attempts)
    if (!attempt.is_settled)
      attempt.result = {why.permanent ? Failed : Delayed, why.status, why.text};
  owner_.tried(*this, *batch, false);
}

// A destination that does not exist has not failed: there is nothing to wait for.
void OutgoingSession::not_connected(ClientConnection&, const NoWay& why) {
  if (!why.permanent && batch_ != nullptr) failure_ = why.text;
  put_off(why);
}

void OutgoingSession::tried(ClientConnection&, OutgoingBatch& batch, bool lost) {
  if (lost) failure_ = batch.attempts.back().result.detail;
  owner_.tried(*this, batch, !lost);
}

// Once: a server that keeps doing that must not keep us busy.
void OutgoingSession::give_back(OutgoingBatch& batch) {
  batch_ = &batch;
  if (std::exchange(batch.repeated, true)) {
    failure_ = next_.name + " closed the connection";
    put_off({.text = failure_});
  }
}

void OutgoingSession::gone(ClientConnection&) {
  gone_ = true;
  owner_.ended(*this);
}

}  // namespace ringpost::mta
