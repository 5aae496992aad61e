// Provided buffers: see buffer.h.
#include "engine/memory/buffer.h"

#include <bit>
#include <cerrno>

#include <sys/mman.h>

namespace ringpost::memory {
namespace {

void* map_pages(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

Buffer::Buffer(const Buffer& other)
    : ring_(other.ring_), number_(other.number_), octets_(other.octets_) {
  if (ring_ != nullptr) ++ring_->shares_[number_];
}

Buffer::~Buffer() {
  if (ring_ != nullptr && --ring_->shares_[number_] == 0) ring_->provide(number_);
}

Bytes Buffer::octets() const {
  if (ring_ == nullptr) return {};
  return {ring_->address(number_), octets_};
}

std::expected<std::unique_ptr<BufferRing>, Fault> BufferRing::create(
    ring::Ring& ring, const BufferRingOptions& options) {
  CHECK(std::has_single_bit(options.buffers));
  CHECK(options.buffer_bytes % 4096 == 0);
  std::unique_ptr<BufferRing> self(new BufferRing(ring, options));
  const std::size_t slab_bytes = static_cast<std::size_t>(options.buffers) * options.buffer_bytes;
  self->shared_bytes_ = options.buffers * sizeof(io_uring_buf);
  self->slab_ = static_cast<std::byte*>(map_pages(slab_bytes));
  self->shared_ = static_cast<io_uring_buf_ring*>(map_pages(self->shared_bytes_));
  if (self->slab_ == nullptr || self->shared_ == nullptr)
    return std::unexpected(Fault{"mmap of receive buffers", errno});
  io_uring_buf_ring_init(self->shared_);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(self->shared_);
  registration.ring_entries = options.buffers;
  registration.bgid = options.group;
  if (const int error = io_uring_register_buf_ring(&ring.raw(), &registration, 0))
    return std::unexpected(Fault{"io_uring_register_buf_ring", -error});
  self->registered_ = true;
  self->shares_.assign(options.buffers, 0);
  for (std::uint16_t i = 0; i < options.buffers; ++i) self->provide(i);
  return self;
}

BufferRing::~BufferRing() {
  CHECK(first_waiter_ == nullptr);
  if (registered_) {
    CHECK(free_ == options_.buffers);
    io_uring_unregister_buf_ring(&ring_.raw(), options_.group);
  }
  if (slab_ != nullptr)
    munmap(slab_, static_cast<std::size_t>(options_.buffers) * options_.buffer_bytes);
  if (shared_ != nullptr) munmap(shared_, shared_bytes_);
}

Buffer BufferRing::take(ring::Completion completion) {
  CHECK((completion.flags & IORING_CQE_F_BUFFER) != 0);
  const auto number = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  CHECK(number < options_.buffers && shares_[number] == 0);
  shares_[number] = 1;
  --free_;
  return Buffer(*this, number, static_cast<std::uint32_t>(completion.result));
}

void BufferRing::provide(std::uint16_t number) {
  io_uring_buf_ring_add(shared_, address(number), options_.buffer_bytes, number,
                        io_uring_buf_ring_mask(options_.buffers), 0);
  io_uring_buf_ring_advance(shared_, 1);
  ++free_;
}

void BufferRing::wait(BufferWaiter& waiter) {
  if (waiter.waiting_) return;
  waiter.waiting_ = true;
  waiter.next_ = nullptr;
  waiter.previous_ = last_waiter_;
  (last_waiter_ != nullptr ? last_waiter_->next_ : first_waiter_) = &waiter;
  last_waiter_ = &waiter;
}

void BufferRing::unlink(BufferWaiter& waiter) {
  (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_waiter_) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->previous_ : last_waiter_) = waiter.previous_;
  waiter.next_ = waiter.previous_ = nullptr;
  waiter.waiting_ = false;
}

void BufferRing::forget(BufferWaiter& waiter) {
  if (waiter.waiting_) unlink(waiter);
}

// No more are woken than there are buffers: the others would only be told -ENOBUFS again.
void BufferRing::serve_waiters() {
  std::uint32_t wakes = free_;
  while (first_waiter_ != nullptr && wakes-- > 0) {
    BufferWaiter& waiter = *first_waiter_;
    unlink(waiter);
    waiter.handler_(waiter);
  }
}

}  // namespace ringpost::memory
