// AttemptLimiter: the failed AUTH of all cores, counted in one place: attempts are few, so a lock
// does. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "engine/mta/random.h"
#include "proto/conf/net_address.h"
#include "proto/sasl/attempt_counts.h"

namespace ringpost::mta {

// Addresses, accounts and pairs of both that are remembered of each; 2.6 MB in all.
inline constexpr std::size_t attempt_places = 32'768;

class AttemptLimiter {
 public:
  AttemptLimiter() : counts_(random_key(), attempt_places) {}

  sasl::AttemptCounts::Verdict judge(std::string_view address, std::string_view account,
                                     const sasl::AttemptLimits& limits, Instant now) {
    const std::lock_guard guard(lock_);
    return counts_.judge(address, account, limits, now);
  }
  // How long the answer is to wait.
  Duration failed(std::string_view address, std::string_view account,
                  const sasl::AttemptLimits& limits, Instant now) {
    const std::lock_guard guard(lock_);
    return counts_.failed(address, account, limits, now);
  }
  void succeeded(std::string_view address, std::string_view account,
                 const sasl::AttemptLimits& limits, Instant now) {
    const std::lock_guard guard(lock_);
    counts_.succeeded(address, account, limits, now);
  }

 private:
  std::mutex lock_;
  sasl::AttemptCounts counts_;
};

// What counts as one address: an IPv6 customer has a /64 at least.
std::string address_group(const conf::NetAddress& address);

}  // namespace ringpost::mta
