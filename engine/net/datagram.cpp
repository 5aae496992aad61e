// Connected UDP sockets: see datagram.h.
#include "engine/net/datagram.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

namespace ringpost::net {

std::expected<void, Fault> Datagram::open(const Address& peer) {
  CHECK(file_ < 0);
  const int file = socket(peer.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return std::unexpected(Fault{"socket", errno, peer.to_text()});
  if (connect(file, peer.kernel(), peer.kernel_bytes()) != 0) {
    const int error = errno;
    ::close(file);
    return std::unexpected(Fault{"connect", error, peer.to_text()});
  }
  file_ = file;
  prepare_receive();
  return {};
}

void Datagram::prepare_receive() {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_recv_multishot(sqe, file_, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = buffers_.group();
  core_.ring().bind(sqe, receive_);
}

void Datagram::receive_done(ring::Completion completion) {
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
    const memory::Buffer buffer = buffers_.take(completion);
    if (!closing_) owner_.received(buffer.octets());
  } else if (completion.result < 0 && completion.result != -ENOBUFS &&
             completion.result != -ECANCELED && !closing_) {
    owner_.broken(-completion.result);
  }
  if (receive_.in_flight()) return;
  if (closing_) return advance_end();
  completion.result == -ENOBUFS ? buffers_.wait(starved_) : prepare_receive();
}

void Datagram::Starved::wake(memory::BufferWaiter& waiter) {
  static_cast<Starved&>(waiter).datagram.prepare_receive();
}

void Datagram::send(std::string octets) {
  CHECK(is_open());
  auto idle = std::ranges::find_if(sendings_, [](const auto& one) { return !one->in_flight(); });
  if (idle == sendings_.end())
    idle = sendings_.insert(sendings_.end(), std::make_unique<Sending>(*this));
  Sending& sending = **idle;
  sending.octets = std::move(octets);
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_send(sqe, file_, sending.octets.data(), sending.octets.size(), MSG_NOSIGNAL);
  core_.ring().bind(sqe, sending);
}

void Datagram::Sending::done(ring::Operation& operation, ring::Completion completion) {
  Datagram& self = static_cast<Sending&>(operation).datagram;
  if (self.closing_) return self.advance_end();
  if (completion.result < 0) self.owner_.broken(-completion.result);
}

void Datagram::close() {
  if (closing_) return;
  CHECK(file_ >= 0);
  closing_ = true;
  buffers_.forget(starved_);
  core_.ring().cancel(receive_);
  advance_end();
}

void Datagram::advance_end() {
  const auto is_busy = [](const auto& one) { return one->in_flight(); };
  if (receive_.in_flight() || close_.in_flight() || std::ranges::any_of(sendings_, is_busy)) return;
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_close(sqe, file_);
  core_.ring().bind(sqe, close_);
}

void Datagram::close_done(ring::Completion) {
  file_ = -1;
  owner_.closed();
}

}  // namespace ringpost::net
