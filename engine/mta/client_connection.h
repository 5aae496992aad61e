// ClientConnection: one connection to an SMTP or LMTP server, from connect to close; it carries
// one transaction after the other. Every failure, the server's or the network's, ends as a result
// of each recipient that was under way. Owner: one OutgoingSession, on its core; lives until run()
// ended.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/content_reader.h"
#include "engine/mta/find_way.h"
#include "engine/mta/outgoing_batch.h"
#include "engine/mta/relay_options.h"
#include "engine/mta/seven_bit_content.h"
#include "engine/mta/worker_parts.h"
#include "engine/net/stream.h"
#include "engine/ring/await.h"
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

class ClientConnection final : private net::StreamOwner {
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
  void opened(const std::optional<net::Address>& peer) override;
  void connect_failed(int error) override;
  void received(memory::Buffer buffer) override;
  void receive_ended(int error) override;
  void sent(int error) override;
  void closed() override;

  ring::Task<void> serve();
  struct Trial {
    const Hop* hop;
    Duration limit;
  };
  std::deque<Trial> trials_of(const Way& way) const;
  ring::Task<std::optional<NoWay>> connect_to(const Trial& trial);
  ring::Task<int> connect_by(const Trial& trial, const Departure& departure);
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
  ring::Task<void> look_at_content();
  bool is_converted() const { return seven_bit_ != nullptr && seven_bit_->octets > 0; }
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
  ClientConnectionOwner& owner_;
  const NextHop& next_;
  ClientTimes times_;
  smtp::ClientSettings settings_;
  std::optional<net::Stream> stream_;
  std::optional<smtp::ClientSession> session_;

  OutgoingBatch* batch_ = nullptr;
  std::vector<OutgoingAttempt*> attempts_;  // those of the batch that are tried
  std::vector<smtp::OutgoingRecipient> recipients_;
  std::string server_, host_;  // of the hop in use, or tried last
  std::string unread_;         // octets that the session would not take yet
  unsigned messages_ = 0;
  bool heard_ = false;  // something, since the transaction began
  bool idle_ = false;
  std::unique_ptr<SevenBitContent> seven_bit_;  // of the batch, when the server takes no other
  bool looked_at_ = false;
  bool given_ = false;  // a batch that has not begun
  bool content_wanted_ = false;
  bool chunked_ = false;  // the content goes by BDAT
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
  ring::TimerOf<ClientConnection, &ClientConnection::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
