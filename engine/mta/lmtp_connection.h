// LmtpConnection: one connection to an LMTP server (RFC 2033), from connect to close; it carries
// one transaction after the other. Every failure, the server's or the network's, ends as a result
// of each recipient that was under way. Owner: one LmtpRoute, on its core; lives until run() ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/mta/content_reader.h"
#include "engine/mta/delivery_order.h"
#include "engine/mta/lmtp_destination.h"
#include "engine/mta/worker_parts.h"
#include "engine/net/stream.h"
#include "engine/ring/await.h"
#include "engine/ring/task.h"
#include "proto/smtp/client_session.h"

namespace ringpost::mta {

// One recipient that waits for its result; caller-owned, and must stay until `done`.
struct LmtpAttempt {
  DeliveryOrder& order;
  std::string path;       // what RCPT says
  bool repeated = false;  // a connection that stood idle was lost under it: not twice
  ring::Signal done = {};
};

// Recipients of one message, one transaction.
using LmtpBatch = std::vector<LmtpAttempt*>;

class LmtpConnection;

struct LmtpTimes {
  Duration connect = seconds(30);
  Duration idle = seconds(10);  // a connection without work is kept so long
  smtp::ClientTimeouts dialogue{};
};

// What a connection tells its route.
class LmtpConnectionOwner {
 public:
  // It stands and may be given a batch, now or later.
  virtual void idle(LmtpConnection& connection) = 0;
  // The server was not there, or ended the connection before it was given anything.
  virtual void not_connected(LmtpConnection& connection, const std::string& why) = 0;
  // The connection was lost before the server could have seen any of it.
  virtual void give_back(LmtpBatch batch) = 0;
  // run() is about to end.
  virtual void gone(LmtpConnection& connection) = 0;

 protected:
  ~LmtpConnectionOwner() = default;
};

class LmtpConnection final : private net::StreamOwner {
 public:
  // Everything named must outlive it. `destination` is what results are told with.
  LmtpConnection(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
                 LmtpConnectionOwner& owner, const std::string& destination,
                 const LmtpTimes& times);
  LmtpConnection(const LmtpConnection&) = delete;
  LmtpConnection& operator=(const LmtpConnection&) = delete;

  // The whole life of the connection.
  ring::Task<void> run(LmtpDestination target);

  bool is_idle() const { return idle_; }
  // Only while is_idle().
  void give(LmtpBatch batch);
  // Ends as soon as nothing is under way.
  void stop();
  // Ends now; what is under way is put off.
  void abort();

 private:
  void opened(const std::optional<net::Address>& peer) override;
  void connect_failed(int error) override;
  void received(memory::Buffer buffer) override;
  void receive_ended(int error) override;
  void sent(int error) override;
  void closed() override;

  ring::Task<std::string> connect(const LmtpDestination& target);
  ring::Task<int> connect_to(const net::Address& address);
  ring::Task<int> connect_to(const net::SocketPath& path);
  ring::Task<int> connected();
  ring::Task<void> converse();
  ring::Task<void> close();
  ring::Task<bool> flush();
  ring::Task<bool> send(std::span<iovec> parts);
  ring::Task<void> send_content();
  ring::Task<std::optional<Fault>> send_pieces();
  ring::Task<bool> send_all(const std::vector<Bytes>& pieces);
  ring::Task<void> wait(Instant deadline);
  ring::Task<void> wait_idle();
  bool is_broken() const { return peer_ended_ || stream_over_ || error_ != 0; }
  bool feed();
  void begin();
  void take(const smtp::Ready&);
  void take(const smtp::RecipientDone& outcome);
  void take(const smtp::MessageDone&);
  void take(const smtp::Ended& ended);
  void wake();
  void time_is_up() { wake(); }

  WorkerParts& parts_;
  const SegmentStore& segments_;
  ReadBuffers& buffers_;
  LmtpConnectionOwner& owner_;
  const std::string& destination_;
  LmtpTimes times_;
  smtp::ClientSettings settings_;
  std::optional<net::Stream> stream_;
  std::optional<smtp::ClientSession> session_;

  LmtpBatch batch_;
  std::vector<smtp::OutgoingRecipient> recipients_;
  std::string unread_;  // octets that the session would not take yet
  unsigned messages_ = 0;
  bool heard_ = false;  // something, since the transaction began
  bool idle_ = false;
  bool given_ = false;  // a batch that has not begun
  bool content_wanted_ = false;
  bool stopping_ = false;
  std::optional<Fault> spool_fault_;  // why the content could not be sent to its end
  std::string refusal_;               // why the session ended before it was ready

  // What the stream told.
  bool open_ = false;
  bool stream_over_ = false;
  bool peer_ended_ = false;
  bool sending_ = false;
  int error_ = 0;

  ring::Signal* waiting_ = nullptr;
  bool news_ = false;
  ring::TimerOf<LmtpConnection, &LmtpConnection::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
