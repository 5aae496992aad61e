// ClientTransport: a connection to a server as the task that speaks over it sees it: connected,
// perhaps encrypted from some point on, octets both ways, closed. Owner: one ClientConnection, on
// its core; may be freed when it is over.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "engine/mta/worker_parts.h"
#include "engine/net/stream.h"
#include "engine/ring/await.h"
#include "engine/ring/task.h"
#include "engine/tls/channel.h"

namespace ringpost::mta {

class ClientTransport final : private net::StreamOwner, private tls::ChannelOwner {
 public:
  explicit ClientTransport(WorkerParts& parts) : parts_(parts) {}
  ~ClientTransport();
  ClientTransport(const ClientTransport&) = delete;
  ClientTransport& operator=(const ClientTransport&) = delete;

  using Target = std::variant<net::Address, net::SocketPath>;
  // Once. An errno, 0 when it stands; `target` must stay until then.
  ring::Task<int> connect(const Target& target, const std::optional<net::Address>& source,
                          Duration limit);

  // From here on TLS: nothing may be unread. Ends when the session stands (empty), or with why it
  // does not; after that the connection is of no use. The context is kept as long as needed.
  ring::Task<std::string> encrypt(std::shared_ptr<const tls::ClientContext> context,
                                  tls::ClientAim aim, Instant deadline);
  // Only after encrypt().
  tls::ChannelFacts facts() const { return channel_->facts(); }
  bool is_encrypted() const { return channel_ != nullptr; }

  // Sends all of it; what `parts` name must stay until this has ended. False: the connection is of
  // no more use, or it was not sent by `deadline`, at which the connection is cut.
  ring::Task<bool> send(std::span<iovec> parts, Instant deadline);
  // Of TLS alone, when something of it waits.
  ring::Task<bool> flush(Instant deadline);

  // What the server has said and nobody has read; the owner takes from its front.
  std::string unread;
  std::uint64_t octets_received() const { return octets_received_; }

  // Nothing more will come, or nothing can be sent any more.
  bool is_broken() const { return peer_ended_ || over_ || error_ != 0; }
  // Nothing is left of it.
  bool is_over() const { return over_; }
  int error() const { return error_; }

  // Until something happens or `deadline`; at once when something has happened since.
  ring::Task<void> wait(Instant deadline);
  void wake();

  // Politely, and waits until it is over.
  ring::Task<void> close(Duration linger);
  // At once; nothing when it is over.
  void abort();
  // The same while it is being connected.
  void give_up();

 private:
  void opened(const std::optional<net::Address>& peer) override;
  void connect_failed(int error) override;
  void received(memory::Buffer buffer) override;
  void receive_ended(int error) override;
  void sent(int error) override;
  void closed() override;
  void channel_resumes() override;

  bool is_usable() const { return !over_ && !stream_->closing() && error_ == 0; }
  void unseal();
  ring::Task<bool> send_plain(std::span<iovec> parts, Instant deadline);
  void time_is_up() { wake(); }

  WorkerParts& parts_;
  std::optional<net::Stream> stream_;
  std::shared_ptr<const tls::ClientContext> context_;
  std::unique_ptr<tls::Channel> channel_;
  std::string sealed_in_;   // received and not yet taken by the channel
  std::string sealed_out_;  // being sent
  std::uint64_t octets_received_ = 0;
  bool open_ = false;
  bool over_ = false;
  bool peer_ended_ = false;
  bool sending_ = false;
  int error_ = 0;

  ring::Signal* waiting_ = nullptr;
  bool news_ = false;
  ring::TimerOf<ClientTransport, &ClientTransport::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
