// ClientConnection: one connection to an SMTP or LMTP server, from connect to close; it carries
// one transaction after the other. Every failure, the server's or the network's, ends as a result
// of each recipient that was under way. Owner: one OutgoingSession, on its core; lives until run()
// ended.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/client_transport.h"
#include "engine/mta/content_reader.h"
#include "engine/mta/find_way.h"
#include "engine/mta/outgoing_batch.h"
#include "engine/mta/outgoing_reports.h"
#include "engine/mta/relay_options.h"
#include "engine/mta/seven_bit_content.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/task.h"
#include "proto/smtp/client_session.h"

namespace ringpost::mta {

class ClientConnection;

struct ClientTimes {
  Duration connect = seconds(30);
  Duration connect_first = seconds(3);  // where there are other addresses to be tried before
  Duration idle = seconds(10);          // a connection without work is kept so long
  smtp::ClientTimeouts dialogue{};
};

// What a connection tells its session.
class ClientConnectionOwner {
 public:
  // It stands and may be given a batch, now or later.
  virtual void idle(ClientConnection& connection) = 0;
  // The server was not there, or ended the connection before it was given anything.
  virtual void not_connected(ClientConnection& connection, const NoWay& why) = 0;
  // Every attempt of the batch has its result. `lost`: the connection broke under it.
  virtual void tried(ClientConnection& connection, OutgoingBatch& batch, bool lost) = 0;
  // The connection was lost before the server could have seen any of it.
  virtual void give_back(OutgoingBatch& batch) = 0;
  // run() is about to end.
  virtual void gone(ClientConnection& connection) = 0;

 protected:
  ~ClientConnectionOwner() = default;
};

class ClientConnection final {
 public:
  // Everything named must outlive it.
  ClientConnection(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
                   ClientConnectionOwner& owner, const NextHop& next, const ClientTimes& times);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // The whole life of the connection.
  ring::Task<void> run();

  bool is_idle() const { return idle_; }
  // Only while is_idle(). The batch must stay until it is tried or given back.
  void give(OutgoingBatch& batch);
  // Ends as soon as nothing is under way.
  void stop();
  // Ends now; what is under way is put off.
  void abort();

  // The server of the connection, or the one that was tried last; empty: none yet.
  const std::string& server() const { return server_; }

 private:
  ring::Task<void> serve();
  struct Trial {
    const Hop* hop;
    Duration limit;
    bool in_clear = false;  // encryption was offered, and failed
  };
  std::deque<Trial> trials_of(const Way& way) const;
  ring::Task<std::optional<NoWay>> connect_to(const Trial& trial);
  ring::Task<int> connect_by(const Trial& trial, const Departure& departure);
  ring::Task<std::optional<NoWay>> prepare(const Trial& trial);
  bool may_go_in_clear(const Trial& trial) const;
  ring::Task<bool> encrypt(Instant deadline);
  tls::ClientAim aim() const;
  ring::Task<void> converse();
  ring::Task<bool> flush();
  ring::Task<bool> send(std::span<iovec> parts);
  ring::Task<void> send_content();
  ring::Task<std::optional<Fault>> send_pieces();
  ring::Task<bool> send_all(const std::vector<Bytes>& pieces);
  ring::Task<void> wait_idle();
  bool feed();
  ring::Task<void> look_at_content();
  bool is_converted() const { return seven_bit_ != nullptr && seven_bit_->octets > 0; }
  void begin();
  void take(const smtp::Ready&);
  void take(const smtp::RecipientDone& outcome);
  void take(const smtp::MessageDone&);
  void take(const smtp::Ended& ended);
  bool has_heard() const { return link_->octets_received() != heard_before_; }

  WorkerParts& parts_;
  const SegmentStore& segments_;
  ReadBuffers& buffers_;
  ClientConnectionOwner& owner_;
  const NextHop& next_;
  ClientTimes times_;
  smtp::ClientSettings settings_;
  std::optional<ClientTransport> link_;
  std::optional<smtp::ClientSession> session_;
  std::unique_ptr<OutgoingReports> reports_;  // null: nobody wants to hear

  OutgoingBatch* batch_ = nullptr;
  std::vector<OutgoingAttempt*> attempts_;  // those of the batch that are tried
  std::vector<smtp::OutgoingRecipient> recipients_;
  std::string server_, host_;  // of the hop in use, or tried last
  std::string encryption_;     // of the connection, for the log; empty: none
  unsigned messages_ = 0;
  std::uint64_t heard_before_ = 0;  // octets, when the transaction began
  bool delivered_unsaid_ = false;   // by BDAT the server has all of it, whatever it says
  bool idle_ = false;
  std::unique_ptr<SevenBitContent> seven_bit_;  // of the batch, when the server takes no other
  bool looked_at_ = false;
  bool given_ = false;  // a batch that has not begun
  bool content_wanted_ = false;
  bool chunked_ = false;  // the content goes by BDAT
  bool stopping_ = false;
  std::optional<Fault> spool_fault_;  // why the content could not be sent to its end
  std::string refusal_;               // why the session ended before it was ready
  bool handshake_wanted_ = false;
  bool encryption_failed_ = false;
};

}  // namespace ringpost::mta
