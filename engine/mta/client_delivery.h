// ClientDelivery: the attempts by SMTP and LMTP whose next hop this core owns. Recipients of one
// message that wait together go in one transaction, connections serve many messages and are kept
// for some seconds. Owner: one core; pump() is called at the end of every turn.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/mta/client_connection.h"

namespace ringpost::mta {

struct ClientLimits {
  std::size_t connections_max = 8;         // to one LMTP server
  std::size_t smtp_connections_max = 20;   // to one SMTP server
  std::size_t batch_recipients_max = 100;  // RFC 5321 4.5.3.1.8 lets every server take as many
  ClientTimes times = {};
};

// One next hop.
class ClientRoute final : private ClientConnectionOwner {
 public:
  ClientRoute(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers, NextHop next,
              const ClientLimits& limits);
  ClientRoute(const ClientRoute&) = delete;
  ClientRoute& operator=(const ClientRoute&) = delete;

  void add(ClientAttempt& attempt);
  // Gives waiting batches to connections, opens those that are wanted, forgets those that ended.
  void pump();
  void stop();
  void abort();
  bool idle() const { return waiting_.empty() && connections_.empty(); }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Held {
    std::unique_ptr<ClientConnection> connection;
    bool ready = false;  // was idle at least once
    bool gone = false;
  };

  void idle(ClientConnection& connection) override;
  void not_connected(ClientConnection& connection, const NoWay& why) override;
  void give_back(ClientBatch batch) override;
  void gone(ClientConnection& connection) override;
  Held& held(const ClientConnection& connection);
  void open();
  void put_off_all(const NoWay& why);
  static void put_off(const ClientBatch& batch, const NoWay& why);

  WorkerParts& parts_;
  const SegmentStore& segments_;
  ReadBuffers& buffers_;
  NextHop next_;
  ClientLimits limits_;
  std::deque<ClientBatch> waiting_;
  std::vector<Held> connections_;
  bool stopping_ = false;
  ring::Scope scope_;
};

class ClientDelivery {
 public:
  ClientDelivery(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
                 const ClientLimits& limits)
      : parts_(parts), segments_(segments), buffers_(buffers), limits_(limits) {}

  // Fills order.result. `path` is what RCPT says; `order` must stay until the task has ended.
  ring::Task<void> deliver(DeliveryOrder& order, NextHop next, std::string path);
  void pump();
  // No new connections; those that are idle end.
  void stop();
  // Puts off what is under way.
  void abort();
  bool idle() const { return routes_.empty(); }

 private:
  WorkerParts& parts_;
  const SegmentStore& segments_;
  ReadBuffers& buffers_;
  ClientLimits limits_;
  bool stopping_ = false;
  std::map<std::string, std::unique_ptr<ClientRoute>, std::less<>> routes_;
};

}  // namespace ringpost::mta
