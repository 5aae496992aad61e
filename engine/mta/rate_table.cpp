// See rate_table.h. Two cores that bring in one key at the same moment may make two entries of it,
// of which the first is used from then on: so much may be counted too little.
#include "engine/mta/rate_table.h"

#include <algorithm>
#include <bit>

#include "proto/base/check.h"

namespace ringpost::mta {

RateTable::RateTable(const HashKey& key, std::size_t sets, Instant began)
    : key_(key), sets_count_(sets), began_(began), sets_(std::make_unique<Set[]>(sets)) {
  CHECK(std::has_single_bit(sets));
}

// Never 0, which would be a free entry.
std::uint64_t RateTable::ticks(Instant at) const {
  const auto since = static_cast<std::uint64_t>(std::max<std::int64_t>((at - began_).ns, 0));
  return std::min((since >> tick_shift) + 1, tick_mask);
}

RateTable::Place RateTable::place_of(std::string_view key) const {
  const std::uint64_t hash = keyed_hash(key_, key);
  return {sets_[hash & (sets_count_ - 1)], hash & ~tick_mask};
}

RateTable::Bucket RateTable::bucket_of(const Share& share) {
  const auto period = static_cast<std::uint64_t>(share.period.ns) >> tick_shift;
  const std::uint64_t one = std::max<std::uint64_t>(period / share.count, 1);
  return {one, one * share.count};
}

std::uint64_t RateTable::find(const Set& set, std::uint64_t tag) {
  for (const Entry& entry : set.entries) {
    const std::uint64_t value = entry.load(std::memory_order_relaxed);
    if (value != 0 && (value & ~tick_mask) == tag) return value;
  }
  return 0;
}

bool RateTable::exchange(Set& set, std::uint64_t tag, std::uint64_t known, std::uint64_t next) {
  Entry* chosen = &set.entries[0];
  std::uint64_t expected = chosen->load(std::memory_order_relaxed);
  for (Entry& entry : set.entries) {
    const std::uint64_t value = entry.load(std::memory_order_relaxed);
    if (known != 0 ? value != known : (value & tick_mask) >= (expected & tick_mask)) continue;
    chosen = &entry;
    expected = value;
  }
  if (known != 0 && expected != known) return false;
  return chosen->compare_exchange_strong(expected, tag | next, std::memory_order_relaxed);
}

bool RateTable::take(std::string_view key, const Share& share, Instant at) {
  const Place place = place_of(key);
  const std::uint64_t now = ticks(at);
  const Bucket bucket = bucket_of(share);
  for (;;) {
    const std::uint64_t known = find(place.set, place.tag);
    const std::uint64_t next = std::max(known & tick_mask, now) + bucket.one;
    if (next > now + bucket.full || next > tick_mask) return false;
    if (exchange(place.set, place.tag, known, next)) return true;
  }
}

bool RateTable::has(std::string_view key, const Share& share, Instant at) const {
  const Place place = place_of(key);
  const std::uint64_t now = ticks(at);
  const Bucket bucket = bucket_of(share);
  const std::uint64_t full_at = std::max(find(place.set, place.tag) & tick_mask, now);
  return full_at + bucket.one <= now + bucket.full;
}

void RateTable::mark(std::string_view key, Instant until) {
  const Place place = place_of(key);
  while (!exchange(place.set, place.tag, find(place.set, place.tag), ticks(until))) {
  }
}

bool RateTable::is_marked(std::string_view key, Instant now) const {
  const Place place = place_of(key);
  return (find(place.set, place.tag) & tick_mask) > ticks(now);
}

}  // namespace ringpost::mta
