// Connection counts: see connection_counts.h. Cannot fail.
#include "engine/mta/connection_counts.h"

#include "proto/base/check.h"

namespace ringpost::mta {

ConnectionCounts::Admission ConnectionCounts::enter(std::string_view host,
                                                    const ConnectionLimits& limits) {
  if (total_.fetch_add(1, std::memory_order_relaxed) >= limits.connections_max) {
    total_.fetch_sub(1, std::memory_order_relaxed);
    return Admission::TooMany;
  }
  Shard& shard = shard_of(host);
  const std::lock_guard guard(shard.lock);
  auto found = shard.counts.find(host);
  if (found == shard.counts.end()) found = shard.counts.emplace(std::string(host), 0).first;
  if (found->second >= limits.per_address_max) {
    total_.fetch_sub(1, std::memory_order_relaxed);
    if (found->second == 0) shard.counts.erase(found);
    return Admission::TooManyFromAddress;
  }
  ++found->second;
  return Admission::Admitted;
}

void ConnectionCounts::leave(std::string_view host) {
  total_.fetch_sub(1, std::memory_order_relaxed);
  Shard& shard = shard_of(host);
  const std::lock_guard guard(shard.lock);
  const auto found = shard.counts.find(host);
  CHECK(found != shard.counts.end());
  if (--found->second == 0) shard.counts.erase(found);
}

}  // namespace ringpost::mta
