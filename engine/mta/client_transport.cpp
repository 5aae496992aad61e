// A connection to a server: see client_transport.h. The stream tells in any order; each wait looks
// at what has come of all of it.
#include "engine/mta/client_transport.h"

#include <array>
#include <cerrno>
#include <utility>

namespace ringpost::mta {
namespace {

// What nobody has asked for; a server that goes on beyond this is not speaking our protocol.
constexpr std::size_t unread_octets_max = 65'536;
constexpr std::size_t unsealed_octets_max = 16'384;  // one record of TLS

}  // namespace

ClientTransport::~ClientTransport() { parts_.core.timers().disarm(timer_); }

ring::Task<int> ClientTransport::connect(const Target& target,
                                         const std::optional<net::Address>& source,
                                         Duration limit) {
  stream_.emplace(parts_.core, *parts_.buffers, static_cast<net::StreamOwner&>(*this));
  if (source) {
    stream_->connect(std::get<net::Address>(target), *source, limit);
  } else {
    std::visit([&](const auto& where) { stream_->connect(where, limit); }, target);
  }
  // The stream sets the limit itself.
  while (!open_ && !over_) co_await wait(never);
  if (open_) stream_->receive();
  co_return open_ ? 0 : error_;
}

ring::Task<std::string> ClientTransport::encrypt(std::shared_ptr<const tls::ClientContext> context,
                                                 tls::ClientAim aim, Instant deadline) {
  context_ = std::move(context);
  channel_ = std::make_unique<tls::Channel>(*context_, std::move(aim), *parts_.signer,
                                            static_cast<tls::ChannelOwner&>(*this));
  using enum tls::Channel::State;
  while (true) {
    // An alert says to the server why there will be nothing.
    const bool sent = co_await flush(deadline);
    if (channel_->state() == Failed) co_return channel_->problem();
    if (channel_->state() != Handshake) co_return std::string();
    if (parts_.core.now() >= deadline) co_return std::string("the handshake took too long");
    if (!sent || is_broken()) co_return std::string("the server closed the connection");
    co_await wait(deadline);
  }
}

ring::Task<bool> ClientTransport::flush(Instant deadline) {
  bool good = true;
  while (good && channel_ != nullptr && channel_->has_output()) {
    sealed_out_.clear();
    channel_->take_output(sealed_out_);
    iovec part{sealed_out_.data(), sealed_out_.size()};
    good = co_await send_plain(std::span(&part, 1), deadline);
  }
  co_return good;
}

ring::Task<bool> ClientTransport::send(std::span<iovec> parts, Instant deadline) {
  if (channel_ == nullptr) co_return co_await send_plain(parts, deadline);
  for (const iovec& part : parts) {
    if (!channel_->may_send()) co_return false;
    channel_->send({static_cast<const std::byte*>(part.iov_base), part.iov_len});
  }
  co_return co_await flush(deadline);
}

ring::Task<bool> ClientTransport::send_plain(std::span<iovec> parts, Instant deadline) {
  if (!is_usable()) co_return false;
  sending_ = true;
  stream_->send(parts);
  while (sending_ && !over_) {
    co_await wait(deadline);
    if (sending_ && !over_ && parts_.core.now() >= deadline) stream_->abort();
  }
  co_return !sending_ && !over_ && error_ == 0;
}

ring::Task<void> ClientTransport::close(Duration linger) {
  if (channel_ != nullptr && is_usable()) {
    channel_->finish();
    static_cast<void>(co_await flush(parts_.core.now() + linger));
  }
  if (!over_ && !stream_->closing()) stream_->close(linger);
  while (!over_) co_await wait(never);  // the stream ends by itself
}

void ClientTransport::abort() {
  if (stream_ && !over_) stream_->abort();
  wake();
}

void ClientTransport::give_up() {
  if (stream_ && !open_ && !over_) stream_->abort();
  wake();
}

ring::Task<void> ClientTransport::wait(Instant deadline) {
  if (std::exchange(news_, false)) co_return;
  ring::Signal signal;
  waiting_ = &signal;
  if (deadline != never) parts_.core.timers().arm(timer_, deadline);
  co_await signal;
  parts_.core.timers().disarm(timer_);
}

void ClientTransport::wake() {
  if (waiting_ == nullptr) {
    news_ = true;
    return;
  }
  std::exchange(waiting_, nullptr)->set();
}

void ClientTransport::opened(const std::optional<net::Address>&) {
  open_ = true;
  wake();
}

void ClientTransport::connect_failed(int error) {
  error_ = error;
  over_ = true;
  wake();
}

void ClientTransport::received(memory::Buffer buffer) {
  octets_received_ += buffer.octets().size();
  if (channel_ == nullptr) {
    unread += text_of(buffer.octets());
  } else {
    sealed_in_ += text_of(buffer.octets());
    unseal();
  }
  // A channel that has ended or failed takes nothing more.
  if (unread.size() > unread_octets_max || sealed_in_.size() > unread_octets_max) stream_->abort();
  wake();
}

// As far as the channel takes it: while it waits for a signature it takes nothing.
void ClientTransport::unseal() {
  std::array<std::byte, unsealed_octets_max> room;
  std::size_t taken = 0;
  while (true) {
    const auto progress = channel_->receive(bytes_of(sealed_in_).subspan(taken), room);
    if (progress.none()) break;
    taken += progress.consumed;
    unread += text_of(Bytes(room).first(progress.produced));
  }
  sealed_in_.erase(0, taken);
  using enum tls::Channel::State;
  if (channel_->state() == PeerEnded || channel_->state() == Failed) peer_ended_ = true;
}

void ClientTransport::channel_resumes() {
  unseal();
  wake();
}

void ClientTransport::receive_ended(int error) {
  peer_ended_ = true;
  if (error != 0) error_ = error;
  wake();
}

void ClientTransport::sent(int error) {
  sending_ = false;
  if (error != 0) error_ = error;
  wake();
}

void ClientTransport::closed() {
  over_ = true;
  sending_ = false;
  wake();
}

}  // namespace ringpost::mta
