// Stream: see stream.h. A multishot receive holds the socket open, so the end is shutdown first,
// close last; only when the peer's end came before it, close alone is enough.
#include "engine/net/stream.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <netinet/tcp.h>
#include <unistd.h>

#include "engine/net/source_address.h"
#include "engine/ring/kernel_abi.h"

namespace ringpost::net {
namespace {

constexpr int send_flags = MSG_NOSIGNAL | MSG_WAITALL;

}  // namespace

Stream::Stream(ring::Core& core, memory::BufferRing& buffers, StreamOwner& owner)
    : core_(core), buffers_(buffers), owner_(owner) {}

void Stream::accept(int direct_file) {
  CHECK(state_ == State::New);
  file_ = direct_file;
  state_ = State::Open;
  ask_for_peer(sizeof(sockaddr_in));
}

void Stream::accept_local(int direct_file) {
  CHECK(state_ == State::New);
  file_ = direct_file;
  state_ = State::Open;
  local_ = true;
  io_uring_sqe* sqe = core_.ring().entry();
  ring::abi::prepare_socket_option(sqe, ring::abi::socket_uring_op_getsockopt, file_, SOL_SOCKET,
                                   SO_PEERCRED, &peer_credentials_, sizeof peer_credentials_);
  sqe->flags |= IOSQE_FIXED_FILE;
  core_.ring().bind(sqe, set_up_);
}

// The kernel refuses to write less than it was asked for and cuts off what is longer: so the
// shorter address is asked for first, and the longer one when the family says so.
void Stream::ask_for_peer(std::size_t address_bytes) {
  io_uring_sqe* sqe = core_.ring().entry();
  // SO_PEERNAME instead of the address that accept could give: a multishot accept has one place for
  // all of them.
  ring::abi::prepare_socket_option(sqe, ring::abi::socket_uring_op_getsockopt, file_, SOL_SOCKET,
                                   SO_PEERNAME, &peer_, static_cast<std::uint32_t>(address_bytes));
  sqe->flags |= IOSQE_FIXED_FILE;
  core_.ring().bind(sqe, set_up_);
}

void Stream::connect(const Address& target, Duration limit) {
  peer_ = target;
  begin_connect(peer_.kernel(), peer_.kernel_bytes(), limit);
}

void Stream::connect(const SocketPath& target, Duration limit) {
  no_delay_set_ = true;  // there is nothing to delay
  begin_connect(target.kernel(), target.kernel_bytes(), limit);
}

// A plain socket, since a ring binds only since Linux 6.11; none of these calls waits.
void Stream::connect(const Address& target, const Address& source, Duration limit) {
  peer_ = target;
  expect_connect(peer_.kernel(), peer_.kernel_bytes(), limit);
  const auto file = socket_from(source);
  if (!file) connect_error_ = file.error().code;
  io_uring_sqe* sqe = core_.ring().entry();
  if (file) {
    bound_file_ = direct_file_ = *file;
    io_uring_prep_files_update(sqe, &direct_file_, 1, static_cast<int>(IORING_FILE_INDEX_ALLOC));
  } else {
    io_uring_prep_close(sqe, -1);  // fails: failures are told from the loop
  }
  core_.ring().bind(sqe, set_up_);
}

void Stream::expect_connect(const sockaddr* target, socklen_t bytes, Duration limit) {
  CHECK(state_ == State::New);
  state_ = State::Connecting;
  target_ = target;
  target_bytes_ = bytes;
  core_.timers().arm(timer_, core_.now() + limit);
}

void Stream::begin_connect(const sockaddr* target, socklen_t bytes, Duration limit) {
  expect_connect(target, bytes, limit);
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_socket_direct_alloc(sqe, target->sa_family, SOCK_STREAM, 0, 0);
  core_.ring().bind(sqe, set_up_);
}

void Stream::set_up_done(ring::Completion completion) {
  if (state_ == State::Connecting) {
    connect_step(completion.result);
    return;
  }
  if (closing()) {
    advance_end();
    return;
  }
  if (local_) {
    if (completion.result == sizeof peer_credentials_) credentials_ = peer_credentials_;
    owner_.opened(std::nullopt);
    return;
  }
  if (completion.result == sizeof(sockaddr_in) && peer_.family() == AF_INET6) {
    ask_for_peer(sizeof(sockaddr_in6));
    return;
  }
  const bool known = completion.result > 0;
  owner_.opened(known ? Address::from_kernel(&peer_, static_cast<std::size_t>(completion.result))
                      : std::nullopt);
}

// The kernel has written the direct descriptor where the plain one stood, or failed.
int Stream::adopt_bound_file(int result) {
  ::close(std::exchange(bound_file_, -1));
  if (result < 0) return result;
  return result == 1 ? direct_file_ : -ENFILE;
}

// socket -> connect -> TCP_NODELAY, for TCP -> opened: each completion starts the next.
void Stream::connect_step(int result) {
  if (bound_file_ >= 0) result = adopt_bound_file(result);
  const bool is_new = file_ < 0;
  if (is_new && result >= 0) file_ = result;
  if (connect_error_ != 0 || result < 0) {
    fail_connect(connect_error_ != 0 ? connect_error_ : -result);
    return;
  }
  if (!is_new && no_delay_set_) {
    state_ = State::Open;
    core_.timers().disarm(timer_);
    owner_.opened(target_ == peer_.kernel() ? std::optional(peer_) : std::nullopt);
    return;
  }
  io_uring_sqe* sqe = core_.ring().entry();
  if (is_new) {
    io_uring_prep_connect(sqe, file_, target_, target_bytes_);
  } else {
    no_delay_set_ = true;
    ring::abi::prepare_socket_option(sqe, ring::abi::socket_uring_op_setsockopt, file_, IPPROTO_TCP,
                                     TCP_NODELAY, &no_delay_, sizeof no_delay_);
  }
  sqe->flags |= IOSQE_FIXED_FILE;
  core_.ring().bind(sqe, set_up_);
}

void Stream::fail_connect(int error) {
  core_.timers().disarm(timer_);
  state_ = State::Closed;
  if (file_ >= 0) {
    io_uring_sqe* sqe = core_.ring().entry();
    io_uring_prep_close_direct(sqe, static_cast<unsigned>(file_));
    core_.ring().bind_to_nobody(sqe);
  }
  owner_.connect_failed(error);
}

void Stream::receive() {
  wants_octets_ = true;
  if (state_ != State::Open || receive_.in_flight() || receive_over_ || starved_.waiting()) return;
  prepare_receive();
}

void Stream::prepare_receive() {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_recv_multishot(sqe, file_, nullptr, 0, 0);
  sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  sqe->buf_group = buffers_.group();
  core_.ring().bind(sqe, receive_);
}

void Stream::hold() {
  wants_octets_ = false;
  buffers_.forget(starved_);
  core_.ring().cancel(receive_);
}

void Stream::wake_starved(memory::BufferWaiter& waiter) {
  static_cast<Starved&>(waiter).stream.buffers_are_back();
}

void Stream::buffers_are_back() {
  if (wants_octets_ || awaits_end_of_peer()) prepare_receive();
}

void Stream::receive_done(ring::Completion completion) {
  if (completion.result > 0) {
    memory::Buffer buffer = buffers_.take(completion);
    if (!closing()) owner_.received(std::move(buffer));
  } else if (completion.result == 0 ||
             (completion.result != -ENOBUFS && completion.result != -ECANCELED)) {
    receive_over_ = true;
    if (!closing()) owner_.receive_ended(-completion.result);
  }
  if (receive_.in_flight()) return;
  if (closing()) {
    if (awaits_end_of_peer() && completion.result == -ENOBUFS) buffers_.wait(starved_);
    advance_end();
  } else if (!receive_over_ && wants_octets_) {
    // Ended by the kernel (no buffer, or too many completions waiting), or held and asked for
    // again.
    completion.result == -ENOBUFS ? buffers_.wait(starved_) : prepare_receive();
  }
}

// MSG_WAITALL makes the kernel go on after a short send, so anything short of all of it is a broken
// connection.
void Stream::send(Bytes octets) {
  CHECK(state_ == State::Open);
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_send(sqe, file_, octets.data(), octets.size(), send_flags);
  sqe->flags |= IOSQE_FIXED_FILE;
  sending_octets_ = octets.size();
  core_.ring().bind(sqe, send_);
}

void Stream::send(std::span<iovec> parts) {
  CHECK(state_ == State::Open);
  message_ = msghdr{};
  message_.msg_iov = parts.data();
  message_.msg_iovlen = parts.size();
  sending_octets_ = 0;
  for (const iovec& part : parts) sending_octets_ += part.iov_len;
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_sendmsg(sqe, file_, &message_, send_flags);
  sqe->flags |= IOSQE_FIXED_FILE;
  core_.ring().bind(sqe, send_);
}

void Stream::send_done(ring::Completion completion) {
  if (closing()) {
    advance_end();
    return;
  }
  if (completion.result < 0) {
    owner_.sent(-completion.result);
  } else {
    owner_.sent(static_cast<std::size_t>(completion.result) == sending_octets_ ? 0 : EPIPE);
  }
}

void Stream::close(Duration linger, Duration patience) {
  if (closing()) return;
  CHECK(state_ != State::New);
  if (state_ == State::Connecting) {
    abort();
    return;
  }
  state_ = State::ShuttingDown;
  linger_end_ = core_.now() + linger;
  patience_ = std::min(patience, linger);
  core_.timers().arm(timer_, linger_end_);
  advance_end();
}

void Stream::abort() {
  if (state_ == State::Aborting || state_ >= State::Closing) return;
  if (state_ == State::Connecting) {
    connect_error_ = ECANCELED;
    core_.ring().cancel(set_up_);
    return;
  }
  CHECK(state_ != State::New);
  state_ = State::Aborting;
  core_.timers().disarm(timer_);
  buffers_.forget(starved_);
  core_.ring().cancel(send_);
  if (end_.in_flight()) return;
  aborted_ = true;
  prepare_shutdown(SHUT_RDWR);
}

void Stream::time_is_up() {
  if (state_ == State::Connecting) {
    connect_error_ = ETIMEDOUT;
    core_.ring().cancel(set_up_);
    return;
  }
  if (state_ == State::Parting) {
    core_.timers().arm(timer_, linger_end_);
    begin_lingering();
    return;
  }
  abort();
}

void Stream::prepare_shutdown(int how) {
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_shutdown(sqe, file_, how);
  sqe->flags |= IOSQE_FIXED_FILE;
  core_.ring().bind(sqe, end_);
}

void Stream::begin_lingering() {
  state_ = State::Lingering;
  prepare_shutdown(SHUT_WR);
}

// One step of the end, taken whenever something of this stream completed:
// ShuttingDown (last send) -> Parting (most peers end now) -> Lingering (our side shut, wait for
// theirs) -> Closing -> closed().
void Stream::advance_end() {
  if (set_up_.in_flight() || send_.in_flight() || end_.in_flight()) return;
  if (state_ == State::ShuttingDown && !receive_over_) {
    if (patience_.ns <= 0) {
      begin_lingering();
      return;
    }
    state_ = State::Parting;
    core_.timers().arm(timer_, core_.now() + patience_);
  }
  if (awaits_end_of_peer() && !receive_over_) {
    if (!receive_.in_flight() && !starved_.waiting()) prepare_receive();
    return;
  }
  if (receive_.in_flight()) {
    // Shut on both sides, the receive ends by itself; cancelled as well for a socket that was never
    // connected.
    core_.ring().cancel(receive_);
    return;
  }
  core_.timers().disarm(timer_);
  buffers_.forget(starved_);
  state_ = State::Closing;
  io_uring_sqe* sqe = core_.ring().entry();
  io_uring_prep_close_direct(sqe, static_cast<unsigned>(file_));
  core_.ring().bind(sqe, end_);
}

void Stream::end_done(ring::Completion) {
  if (state_ == State::Closing) {
    state_ = State::Closed;
    owner_.closed();
    return;
  }
  if (state_ == State::Aborting && !aborted_) {
    // An orderly shutdown may have been under way when abort() came: shut the other side as well.
    aborted_ = true;
    prepare_shutdown(SHUT_RDWR);
    return;
  }
  advance_end();
}

}  // namespace ringpost::net
