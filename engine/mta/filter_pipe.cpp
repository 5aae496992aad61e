// The sockets of a filter program: see filter_pipe.h.
#include "engine/mta/filter_pipe.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace ringpost::mta {
namespace {

// What is read in one turn: much enough for a stream of content, little enough that a program that
// floods us takes no more of a turn than others.
constexpr std::size_t receive_octets = 128 * 1024;
constexpr std::size_t errors_octets = 4096;

}  // namespace

FilterPipe::FilterPipe(ring::Core& core, const process::ParentLink::FilterEnds& ends,
                       FilterPipeOwner& owner)
    : core_(core),
      owner_(owner),
      socket_(ends.socket),
      errors_(ends.errors),
      room_(receive_octets),
      errors_room_(errors_octets) {
  receive();
  hear();
}

FilterPipe::~FilterPipe() { CHECK(is_closed()); }

void FilterPipe::receive() {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_recv(sqe, socket_, room_.data(), room_.size(), 0);
  core_.ring().bind(sqe, receive_);
}

void FilterPipe::hear() {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_recv(sqe, errors_, errors_room_.data(), errors_room_.size(), 0);
  core_.ring().bind(sqe, hear_);
}

void FilterPipe::receive_done(ring::Completion completion) {
  if (completion.result <= 0) {
    over_ = true;
    if (!closing_) owner_.output_ended(-completion.result);
  } else if (!closing_) {
    owner_.received({room_.data(), static_cast<std::size_t>(completion.result)});
    if (!closing_ && !held_) return receive();
  }
  settle();
}

// What it has said last may come after its end.
void FilterPipe::hear_done(ring::Completion completion) {
  if (completion.result > 0) {
    owner_.said({errors_room_.data(), static_cast<std::size_t>(completion.result)});
    return hear();
  }
  settle();
}

void FilterPipe::resume() {
  if (!std::exchange(held_, false) || over_ || closing_ || receive_.in_flight()) return;
  receive();
}

void FilterPipe::send(std::string_view octets) {
  CHECK(!send_.in_flight() && !octets.empty());
  sending_ = octets;
  send_rest();
}

void FilterPipe::send_rest() {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_send(sqe, socket_, sending_.data(), sending_.size(), MSG_NOSIGNAL | MSG_WAITALL);
  core_.ring().bind(sqe, send_);
}

// A program that has closed its input alone will close its output, too, or be found out as hung.
void FilterPipe::send_done(ring::Completion completion) {
  if (completion.result > 0) sending_.remove_prefix(static_cast<std::size_t>(completion.result));
  if (completion.result <= 0) input_shut_ = true;
  if (closing_ || completion.result <= 0) return settle();
  if (!sending_.empty()) return send_rest();
  owner_.sent();
}

void FilterPipe::end_input() {
  if (!closing_) shutdown(socket_, SHUT_WR);
}

void FilterPipe::close() {
  if (std::exchange(closing_, true)) return;
  shutdown(socket_, SHUT_RDWR);
  shutdown(errors_, SHUT_RDWR);
  settle();
}

// The descriptors go when the kernel has let go of them.
void FilterPipe::settle() {
  if (!closing_ || socket_ < 0) return;
  if (receive_.in_flight() || hear_.in_flight() || send_.in_flight()) return;
  ::close(std::exchange(socket_, -1));
  ::close(std::exchange(errors_, -1));
}

}  // namespace ringpost::mta
