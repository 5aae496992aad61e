// RateTable: how much keys have used of their shares, in a fixed amount of memory, shared by all
// cores without a lock. Each share is a token bucket, kept as the one moment at which it will be
// full again: an entry whose moment has passed says nothing, and its place is free. Strangers
// choose the keys: they are hashed with a secret. When all places of a set hold something, the
// entry that is full again first goes, so who has used most is forgotten last.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proto/base/clock.h"
#include "proto/base/keyed_hash.h"

namespace ringpost::mta {

// `count` at once, and as many again in each `period`.
struct Share {
  std::uint32_t count = 0;
  Duration period{};
};

// Of a server, for each use: 2 MiB, for 262,144 shares that are in use. Marks have a table of their
// own: they last for days, and would push out shares, which are full again in minutes.
inline constexpr std::size_t rate_table_sets = 32'768;

class RateTable {
 public:
  static constexpr std::size_t set_entries = 8;

  // `sets`: a power of two; each takes 64 bytes. `began`: no moment is earlier.
  RateTable(const HashKey& key, std::size_t sets, Instant began);

  // Any thread. True: one was taken, or could be; false: the share is used up.
  [[nodiscard]] bool take(std::string_view key, const Share& share, Instant now);
  bool has(std::string_view key, const Share& share, Instant now) const;
  // Like a share of which all is used until `until`.
  void mark(std::string_view key, Instant until);
  bool is_marked(std::string_view key, Instant now) const;

 private:
  // The upper bits of an entry tell its key from others of the set, the lower ones are the moment
  // in ticks since the table was made: 9 years of them. 0: free.
  static constexpr unsigned tick_bits = 42;
  static constexpr unsigned tick_shift = 16;  // a tick is 2^16 ns
  static constexpr std::uint64_t tick_mask = (std::uint64_t{1} << tick_bits) - 1;
  using Entry = std::atomic<std::uint64_t>;
  struct alignas(64) Set {
    Entry entries[set_entries]{};
  };
  struct Place {
    Set& set;
    std::uint64_t tag;
  };
  // In ticks.
  struct Bucket {
    std::uint64_t one, full;
  };

  std::uint64_t ticks(Instant at) const;
  Place place_of(std::string_view key) const;
  static Bucket bucket_of(const Share& share);
  static std::uint64_t find(const Set& set, std::uint64_t tag);
  // Exchanges the entry of `tag`, which is `known` (0: it has none), for `next`; false: somebody
  // else was faster.
  static bool exchange(Set& set, std::uint64_t tag, std::uint64_t known, std::uint64_t next);

  HashKey key_;
  std::size_t sets_count_;
  Instant began_;
  std::unique_ptr<Set[]> sets_;
};

}  // namespace ringpost::mta
