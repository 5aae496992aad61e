// OutgoingSession: one place for a connection that the Scheduler has given to a destination, and
// the connection itself; it carries one batch after the other. Owner: Destinations.
#pragma once

#include <memory>
#include <string>

#include "engine/mta/client_connection.h"
#include "engine/mta/outgoing_batch.h"

namespace ringpost::mta {

class OutgoingSession;

// What a session tells.
class OutgoingSessionOwner {
 public:
  // It may take another batch, or rest.
  virtual void wants_work(OutgoingSession& session) = 0;
  // Every attempt of the batch has its result. `worked`: the transaction came to its end.
  virtual void tried(OutgoingSession& session, OutgoingBatch& batch, bool worked) = 0;
  // tidy() it at the end of the turn.
  virtual void ended(OutgoingSession& session) = 0;

 protected:
  ~OutgoingSessionOwner() = default;
};

class OutgoingSession final : private ClientConnectionOwner {
 public:
  // Everything named must outlive it.
  OutgoingSession(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
                  OutgoingSessionOwner& owner, store::SessionId id, const ClientTimes& times);
  OutgoingSession(const OutgoingSession&) = delete;
  OutgoingSession& operator=(const OutgoingSession&) = delete;

  store::SessionId id() const { return id_; }

  // A batch of this destination; a connection is opened when there is none. One at a time.
  void carry(OutgoingBatch& batch);
  // A batch of its is being asked for.
  void expect_batch(bool expected) { expected_ = expected; }
  // It should carry no further batch.
  void wear_out(bool worn_out) { worn_out_ = worn_out; }
  bool is_worn_out() const { return worn_out_; }
  // No further batch will come: it ends once nothing is under way.
  void finish();
  // The daemon stops: a connection that is being made is given up.
  void stop();
  // What is under way is put off.
  void abort();

  // Once the connection has ended: to be called at the end of a turn. Opens another one when a
  // batch waits for it.
  void tidy();
  bool has_connection() const { return connection_ != nullptr; }
  // The server that it is connected with, or tries; empty: none yet.
  std::string_view server() const {
    return connection_ != nullptr ? std::string_view(connection_->server()) : std::string_view{};
  }
  // Nothing is left of it.
  bool is_over() const { return connection_ == nullptr && batch_ == nullptr && !expected_; }
  // Why the destination failed: no connection, or one that broke. Empty: it did not.
  const std::string& failure() const { return failure_; }

 private:
  void idle(ClientConnection& connection) override;
  void not_connected(ClientConnection& connection, const NoWay& why) override;
  void tried(ClientConnection& connection, OutgoingBatch& batch, bool lost) override;
  void give_back(OutgoingBatch& batch) override;
  void gone(ClientConnection& connection) override;
  void open();
  void put_off(const NoWay& why);

  WorkerParts& parts_;
  const SegmentStore& segments_;
  ReadBuffers& buffers_;
  OutgoingSessionOwner& owner_;
  store::SessionId id_;
  ClientTimes times_;
  NextHop next_;
  std::unique_ptr<ClientConnection> connection_;
  OutgoingBatch* batch_ = nullptr;  // waits for the connection
  bool expected_ = false;
  bool worn_out_ = false;
  bool gone_ = false;  // run() of the connection has ended, or is about to
  bool stopping_ = false;
  std::string failure_;
  ring::Scope scope_;
};

}  // namespace ringpost::mta
