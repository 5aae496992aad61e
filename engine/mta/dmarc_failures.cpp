// A queue with a limit an hour: see dmarc_failures.h.
#include "engine/mta/dmarc_failures.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/base/check.h"

namespace ringpost::mta {
namespace {

constexpr Duration hour = seconds(3600);
constexpr std::size_t waiting_max = 256;
constexpr std::uint32_t share_of_domain = 10;

}  // namespace

DmarcFailures::DmarcFailures() : file_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(file_ >= 0);
}

DmarcFailures::~DmarcFailures() { close(file_); }

bool DmarcFailures::admit(const std::string& domain, std::uint32_t per_hour, Instant now) {
  const std::lock_guard lock(mutex_);
  if (all_ == 0 || now - hour_began_ >= hour) {
    of_domain_.clear();
    all_ = 0;
    hour_began_ = now;
  }
  if (all_ >= per_hour || notes_.size() >= waiting_max) return false;
  std::uint32_t& of_this = of_domain_[domain];
  if (of_this >= std::max(per_hour / share_of_domain, 1u)) return false;
  ++of_this;
  ++all_;
  return true;
}

void DmarcFailures::put(auth::FailureNote note) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(std::move(note));
  const std::uint64_t one = 1;
  CHECK(write(file_, &one, sizeof one) == sizeof one);
}

std::vector<auth::FailureNote> DmarcFailures::take() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  static_cast<void>(!read(file_, &count, sizeof count));
  std::vector<auth::FailureNote> taken(std::make_move_iterator(notes_.begin()),
                                       std::make_move_iterator(notes_.end()));
  notes_.clear();
  return taken;
}

}  // namespace ringpost::mta
