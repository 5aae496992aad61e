// LmtpDelivery: the attempts of `lmtp` actions whose destination this core owns. Recipients of one
// message that wait together go in one transaction, connections serve many messages and are kept
// for some seconds. Owner: one core; pump() is called at the end of every turn.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/mta/lmtp_connection.h"

namespace ringpost::mta {

struct LmtpLimits {
  std::size_t connections_max = 8;         // to one destination
  std::size_t batch_recipients_max = 100;  // RFC 5321 4.5.3.1.8 lets every server take as many
  LmtpTimes times = {};
};

// One destination.
class LmtpRoute final : private LmtpConnectionOwner {
 public:
  LmtpRoute(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
            std::string destination, const LmtpLimits& limits);
  LmtpRoute(const LmtpRoute&) = delete;
  LmtpRoute& operator=(const LmtpRoute&) = delete;

  void add(LmtpAttempt& attempt);
  // Gives waiting batches to connections, opens those that are wanted, forgets those that ended.
  void pump();
  void stop();
  void abort();
  bool idle() const { return waiting_.empty() && connections_.empty(); }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Held {
    std::unique_ptr<LmtpConnection> connection;
    bool ready = false;  // was idle at least once
    bool gone = false;
  };

  void idle(LmtpConnection& connection) override;
  void not_connected(LmtpConnection& connection, const std::string& why) override;
  void give_back(LmtpBatch batch) override;
  void gone(LmtpConnection& connection) override;
  Held& held(const LmtpConnection& connection);
  void open();
  void put_off_all(const std::string& why);
  static void put_off(const LmtpBatch& batch, const std::string& why);

  WorkerParts& parts_;
  const SegmentStore& segments_;
  ReadBuffers& buffers_;
  std::string destination_;
  LmtpLimits limits_;
  std::optional<LmtpDestination> target_;
  std::deque<LmtpBatch> waiting_;
  std::vector<Held> connections_;
  bool stopping_ = false;
  ring::Scope scope_;
};

class LmtpDelivery {
 public:
  LmtpDelivery(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
               const LmtpLimits& limits)
      : parts_(parts), segments_(segments), buffers_(buffers), limits_(limits) {}

  // Fills order.result. `path` is what RCPT says; `order` must stay until the task has ended.
  ring::Task<void> deliver(DeliveryOrder& order, std::string destination, std::string path);
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
  LmtpLimits limits_;
  bool stopping_ = false;
  std::map<std::string, std::unique_ptr<LmtpRoute>, std::less<>> routes_;
};

}  // namespace ringpost::mta
