// ConnectionCounts: how many inbound connections exist in all and per client address, exact over
// all cores. Shared by every core: a sharded table under short locks. The design's rule (ask the
// owner by mailbox) was judged too slow for a fact that is needed before the banner; README.md has
// the number.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ringpost::mta {

struct ConnectionLimits {
  std::uint32_t connections_max = 0;
  std::uint32_t per_address_max = 0;
};

class ConnectionCounts {
 public:
  enum class Admission : std::uint8_t { Admitted, TooMany, TooManyFromAddress };

  // Counts one more connection of `host` unless a limit refuses it. Any thread.
  Admission enter(std::string_view host, const ConnectionLimits& limits);
  // The counterpart of an enter() that was Admitted. Any thread.
  void leave(std::string_view host);

  std::uint32_t total() const { return total_.load(std::memory_order_relaxed); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct alignas(64) Shard {
    std::mutex lock;
    std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> counts;
  };
  Shard& shard_of(std::string_view host) { return shards_[TextHash{}(host) % shards_.size()]; }

  std::atomic<std::uint32_t> total_{0};
  std::array<Shard, 64> shards_;
};

}  // namespace ringpost::mta
