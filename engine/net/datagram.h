// Datagram: one UDP socket, connected to one peer, from a port that the kernel chooses at random:
// so the kernel drops what comes from anybody else, and tells when the peer's port is closed.
// Multishot receive into provided buffers. Owner: one core. It may be destroyed only before open()
// or after closed().
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "engine/memory/buffer.h"
#include "engine/net/address.h"
#include "engine/ring/core.h"

namespace ringpost::net {

// What a Datagram tells its owner; always from the loop, never from inside a call of the owner's.
class DatagramOwner {
 public:
  // A whole datagram; the octets are there during the call only. One that is larger than a buffer
  // is cut.
  virtual void received(Bytes octets) = 0;
  // The peer cannot be reached, or its port is closed (errno). The socket stays in use.
  virtual void broken(int error) = 0;
  // Nothing is in flight any more and the descriptor is closed.
  virtual void closed() = 0;

 protected:
  ~DatagramOwner() = default;
};

class Datagram {
 public:
  Datagram(ring::Core& core, memory::BufferRing& buffers, DatagramOwner& owner)
      : core_(core), buffers_(buffers), owner_(owner) {}
  Datagram(const Datagram&) = delete;
  Datagram& operator=(const Datagram&) = delete;

  // Neither waits nor sends anything. After a fault it may be tried again, or be destroyed.
  std::expected<void, Fault> open(const Address& peer);
  bool is_open() const { return file_ >= 0 && !closing_; }
  // Never opened, or ended: it may be destroyed.
  bool is_closed() const { return file_ < 0; }
  // Only while open. Any number may be under way.
  void send(std::string octets);
  // Drops what comes. closed() follows; nothing else does.
  void close();

 private:
  struct Sending : ring::Operation {
    explicit Sending(Datagram& socket) : Operation(&Sending::done), datagram(socket) {}
    static void done(ring::Operation& operation, ring::Completion completion);
    Datagram& datagram;
    std::string octets;
  };
  struct Starved : memory::BufferWaiter {
    explicit Starved(Datagram& socket) : BufferWaiter(&Starved::wake), datagram(socket) {}
    static void wake(memory::BufferWaiter& waiter);
    Datagram& datagram;
  };

  void prepare_receive();
  void receive_done(ring::Completion completion);
  void close_done(ring::Completion completion);
  void advance_end();

  ring::Core& core_;
  memory::BufferRing& buffers_;
  DatagramOwner& owner_;
  int file_ = -1;
  bool closing_ = false;
  std::vector<std::unique_ptr<Sending>> sendings_;  // those in flight, and some to be used again
  ring::OperationOf<Datagram, &Datagram::receive_done> receive_{*this};
  ring::OperationOf<Datagram, &Datagram::close_done> close_{*this};
  Starved starved_{*this};
};

}  // namespace ringpost::net
