// Ring: see ring.h. A kernel without the needed features is reported as a Fault at creation.
#include "engine/ring/ring.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "engine/ring/kernel_abi.h"

namespace ringpost::ring {
namespace {

// Descriptors that are not direct (logs, sockets that listen, spool files) need some of the limit
// as well.
constexpr unsigned files_reserved = 64;
constexpr unsigned pause_for_memory_us = 1'000;

// EBADR (completions were lost) and EEXIST (a thread that does not own the ring) are what must
// never happen: nothing that follows could be trusted, or would ever end.
void check_entered(int result) {
  CHECK(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
        result == -EBUSY || result == -ENOMEM);
}

unsigned files_allowed(unsigned wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::min(wanted, 1024u);
  const auto allowed = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, 1u << 20));
  return std::min(wanted, allowed > files_reserved ? allowed - files_reserved : 1u);
}

// What the engine asks its rings for. A filter of system calls does not see what goes through a
// ring, so the ring itself refuses the rest (EACCES).
constexpr std::uint8_t requests[] = {
    IORING_OP_NOP,        IORING_OP_READV,        IORING_OP_WRITEV,       IORING_OP_FSYNC,
    IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED,  IORING_OP_POLL_ADD,     IORING_OP_POLL_REMOVE,
    IORING_OP_SENDMSG,    IORING_OP_RECVMSG,      IORING_OP_TIMEOUT,      IORING_OP_TIMEOUT_REMOVE,
    IORING_OP_ACCEPT,     IORING_OP_ASYNC_CANCEL, IORING_OP_LINK_TIMEOUT, IORING_OP_CONNECT,
    IORING_OP_OPENAT,     IORING_OP_CLOSE,        IORING_OP_FILES_UPDATE, IORING_OP_STATX,
    IORING_OP_READ,       IORING_OP_WRITE,        IORING_OP_SEND,         IORING_OP_RECV,
    IORING_OP_SHUTDOWN,   IORING_OP_RENAMEAT,     IORING_OP_UNLINKAT,     IORING_OP_MKDIRAT,
    IORING_OP_MSG_RING,   IORING_OP_SOCKET,       IORING_OP_URING_CMD};
constexpr std::uint8_t registrations[] = {
    IORING_REGISTER_FILES2,       IORING_REGISTER_FILES_UPDATE2,    IORING_REGISTER_FILES_UPDATE,
    IORING_REGISTER_ENABLE_RINGS, IORING_REGISTER_IOWQ_MAX_WORKERS, IORING_REGISTER_RING_FDS,
    IORING_UNREGISTER_RING_FDS,   IORING_REGISTER_PBUF_RING,        IORING_UNREGISTER_PBUF_RING,
    IORING_UNREGISTER_FILES};

int restrict_requests(io_uring& ring) {
  std::vector<io_uring_restriction> rules;
  const auto add = [&rules](std::uint16_t kind, std::uint8_t value) {
    io_uring_restriction rule{};
    rule.opcode = kind;
    rule.sqe_op = value;
    rules.push_back(rule);
  };
  for (const std::uint8_t request : requests) add(IORING_RESTRICTION_SQE_OP, request);
  for (const std::uint8_t registration : registrations)
    add(IORING_RESTRICTION_REGISTER_OP, registration);
  constexpr std::uint8_t every_flag = 0xff;
  add(IORING_RESTRICTION_SQE_FLAGS_ALLOWED, every_flag);
  return io_uring_register_restrictions(&ring, rules.data(), static_cast<unsigned>(rules.size()));
}

}  // namespace

std::expected<std::unique_ptr<Ring>, Fault> Ring::create(const RingOptions& options) {
  std::unique_ptr<Ring> self(new Ring);
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED;
  parameters.cq_entries = options.entries * 4;
  if (const int error = io_uring_queue_init_params(options.entries, &self->ring_, &parameters))
    return std::unexpected(Fault{"io_uring_setup", -error});
  if (const int error = restrict_requests(self->ring_))
    return std::unexpected(Fault{"io_uring_register_restrictions", -error});
  if (const int error = io_uring_enable_rings(&self->ring_))
    return std::unexpected(Fault{"io_uring_enable_rings", -error});
  self->direct_files_max_ = files_allowed(options.direct_files_max);
  if (const int error = io_uring_register_files_sparse(&self->ring_, self->direct_files_max_))
    return std::unexpected(Fault{"io_uring_register_files_sparse", -error});
  unsigned workers[2] = {options.blocking_workers_max, options.blocking_workers_max};
  if (const int error = io_uring_register_iowq_max_workers(&self->ring_, workers))
    return std::unexpected(Fault{"io_uring_register_iowq_max_workers", -error});
  if (const int done = io_uring_register_ring_fd(&self->ring_); done != 1)
    return std::unexpected(Fault{"io_uring_register_ring_fd", done < 0 ? -done : EINVAL});
  return self;
}

Ring::~Ring() {
  if (ring_.ring_fd > 0) io_uring_queue_exit(&ring_);
}

io_uring_sqe* Ring::entry() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    const int submitted = io_uring_submit(&ring_);
    check_entered(submitted);
    if (submitted <= 0) make_room();
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

// The kernel takes nothing: while completions have no place (EBUSY) that ends only when they are
// fetched, and handlers must not run here. Otherwise it lacks memory, and gets time.
void Ring::make_room() {
  const std::size_t before = set_aside_.size();
  while (const auto fetched = fetch()) set_aside_.push_back(*fetched);
  if (set_aside_.size() == before) usleep(pause_for_memory_us);
}

std::optional<Ring::Fetched> Ring::fetch() {
  io_uring_cqe* cqe = nullptr;
  if (io_uring_peek_cqe(&ring_, &cqe) != 0) return std::nullopt;
  const Fetched result{static_cast<Operation*>(io_uring_cqe_get_data(cqe)), {cqe->res, cqe->flags}};
  io_uring_cqe_seen(&ring_, cqe);
  return result;
}

std::optional<Ring::Fetched> Ring::next_completion() {
  if (set_aside_.empty()) return fetch();
  const Fetched first = set_aside_.front();
  set_aside_.pop_front();
  return first;
}

void Ring::bind(io_uring_sqe* sqe, Operation& operation) {
  CHECK(!operation.in_flight_);
  operation.in_flight_ = true;
  io_uring_sqe_set_data(sqe, &operation);
}

void Ring::bind_to_nobody(io_uring_sqe* sqe) {
  io_uring_sqe_set_data(sqe, nullptr);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void Ring::bind_failure(io_uring_sqe* sqe, Operation& watcher) {
  io_uring_sqe_set_data(sqe, &watcher);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void Ring::cancel(Operation& operation) {
  if (!operation.in_flight_) return;
  io_uring_sqe* sqe = entry();
  io_uring_prep_cancel(sqe, &operation, 0);
  bind_to_nobody(sqe);
}

void Ring::submit_and_wait(Duration timeout) {
  if (timeout.ns <= 0 || !set_aside_.empty()) {
    check_entered(io_uring_submit_and_get_events(&ring_));
    return;
  }
  __kernel_timespec limit{.tv_sec = timeout.seconds(), .tv_nsec = timeout.ns % 1'000'000'000};
  io_uring_cqe* first = nullptr;
  check_entered(io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr));
}

unsigned Ring::reap(unsigned completions_max) {
  unsigned done = 0;
  while (done < completions_max) {
    const auto next = next_completion();
    if (!next) break;
    const auto [operation, completion] = *next;
    ++done;
    if (operation == nullptr) continue;
    // Cleared first: the handler may prepare the next request on the same record, or free its
    // owner. Only read when it is not in flight: such a watcher may be shared with other threads.
    if (operation->in_flight_ && (completion.flags & IORING_CQE_F_MORE) == 0)
      operation->in_flight_ = false;
    operation->handler_(*operation, completion);
  }
  return done;
}

}  // namespace ringpost::ring
