// Stream: one TCP or Unix connection by a direct descriptor: multishot receive into provided
// buffers, one send at a time, and an orderly end. Owner: one core. It may be destroyed only after
// closed() was called (or before it was opened).
#pragma once

#include <optional>
#include <span>

#include <sys/uio.h>

#include "engine/memory/buffer.h"
#include "engine/net/address.h"
#include "engine/ring/core.h"

namespace ringpost::net {

// What a Stream tells its owner; always from the loop, never from inside a call of the owner's.
class StreamOwner {
 public:
  // The connection stands. `peer` is missing only when it broke before it could be asked.
  virtual void opened(const std::optional<Address>& peer) = 0;
  // connect() failed; the stream can be destroyed, closed() does not follow. `error` is an errno.
  virtual void connect_failed(int error) = 0;
  virtual void received(memory::Buffer buffer) = 0;
  // No more octets will come: the peer closed its side (0) or the connection broke (errno).
  virtual void receive_ended(int error) = 0;
  // The whole of the last send() was taken by the kernel (0), or the connection broke (errno).
  virtual void sent(int error) = 0;
  // Nothing is in flight any more and the descriptor is closed.
  virtual void closed() = 0;

 protected:
  ~StreamOwner() = default;
};

class Stream {
 public:
  Stream(ring::Core& core, memory::BufferRing& buffers, StreamOwner& owner);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Takes over an accepted direct descriptor; opened() follows.
  void accept(int direct_file);
  // The same for a Unix socket: opened() comes without an address, credentials() tell who it is.
  void accept_local(int direct_file);
  // Who connected to a Unix socket, as the kernel knew them then; nothing when it could not be
  // asked.
  const std::optional<ucred>& credentials() const { return credentials_; }
  // Connects; opened() or connect_failed() follows, the latter at the latest after `limit`.
  void connect(const Address& target, Duration limit);
  // The same from an address of this machine, of the same family; its port should be 0. One that
  // is not ours is the EADDRNOTAVAIL of connect_failed().
  void connect(const Address& target, const Address& source, Duration limit);
  // As above; `target` must stay until one of them. opened() names no peer.
  void connect(const SocketPath& target, Duration limit);

  // Lets octets come (again). Nothing when they do already.
  void receive();
  // Back-pressure: asks the kernel to stop; buffers that are on their way may still arrive.
  void hold();

  // Sends all of it; the memory must stay until sent(). Only one send may be in flight.
  void send(Bytes octets);
  void send(std::span<iovec> parts);
  bool sending() const { return send_.in_flight(); }

  // Ends the connection after what is being sent; waits up to `linger` for the peer's end, so that
  // a reset does not destroy octets that the peer has not read yet. `patience`: how much of that
  // our own end is held back, for a peer that is expected to end by itself. closed() follows.
  void close(Duration linger, Duration patience = {});
  // Ends it at once, dropping what is being sent. closed() follows; connect_failed() instead when
  // it was not yet connected (the same holds for close()).
  void abort();
  bool closing() const { return state_ >= State::ShuttingDown; }

 private:
  enum class State : std::uint8_t {
    New,
    Connecting,
    Open,
    ShuttingDown,
    Parting,
    Lingering,
    Aborting,
    Closing,
    Closed
  };

  void set_up_done(ring::Completion completion);
  void receive_done(ring::Completion completion);
  void send_done(ring::Completion completion);
  void end_done(ring::Completion completion);
  void time_is_up();
  void buffers_are_back();
  static void wake_starved(memory::BufferWaiter& waiter);

  void ask_for_peer(std::size_t address_bytes);
  void expect_connect(const sockaddr* target, socklen_t bytes, Duration limit);
  void begin_connect(const sockaddr* target, socklen_t bytes, Duration limit);
  void connect_step(int result);
  int adopt_bound_file(int result);
  void prepare_receive();
  void prepare_shutdown(int how);
  void begin_lingering();
  bool awaits_end_of_peer() const { return state_ == State::Parting || state_ == State::Lingering; }
  void advance_end();
  void fail_connect(int error);

  struct Starved : memory::BufferWaiter {
    explicit Starved(Stream& owner) : BufferWaiter(&Stream::wake_starved), stream(owner) {}
    Stream& stream;
  };

  ring::Core& core_;
  memory::BufferRing& buffers_;
  StreamOwner& owner_;
  int file_ = -1;
  State state_ = State::New;
  bool wants_octets_ = false;
  bool receive_over_ = false;
  bool no_delay_set_ = false;
  bool aborted_ = false;
  Instant linger_end_{};
  Duration patience_{};
  int connect_error_ = 0;
  int bound_file_ = -1;  // of connect() from a source, until it is a direct descriptor
  int direct_file_ = -1;
  int no_delay_ = 1;
  std::size_t sending_octets_ = 0;
  msghdr message_{};
  Address peer_;
  bool local_ = false;
  ucred peer_credentials_{};
  std::optional<ucred> credentials_;
  const sockaddr* target_ = nullptr;  // of connect()
  socklen_t target_bytes_ = 0;
  ring::OperationOf<Stream, &Stream::set_up_done> set_up_{*this};
  ring::OperationOf<Stream, &Stream::receive_done> receive_{*this};
  ring::OperationOf<Stream, &Stream::send_done> send_{*this};
  ring::OperationOf<Stream, &Stream::end_done> end_{*this};
  ring::TimerOf<Stream, &Stream::time_is_up> timer_{*this};
  Starved starved_{*this};
};

}  // namespace ringpost::net
