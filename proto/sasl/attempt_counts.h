// AttemptCounts: who failed to authenticate how often lately, by address and by account, in a fixed
// amount of memory; says whether an attempt is let through and how long a failure is to be delayed.
// A function of what it is told and of time. Strangers choose the keys: they are hashed with a
// secret. When all of a bucket's places are taken, the one with the fewest failures goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/base/keyed_hash.h"

namespace ringpost::sasl {

struct AttemptLimits {
  std::uint32_t per_address_max = 20;  // failures; 0: no limit
  std::uint32_t per_account_max = 10;  // failures from addresses that did not succeed before
  Duration window = seconds(900);      // a failure counts less and less, and no more behind it
  Duration delay_max = seconds(16);
};

class AttemptCounts {
 public:
  enum class Verdict : std::uint8_t { Allowed, AddressLimited, AccountLimited };

  // `places`: how many addresses, accounts and pairs of both are remembered of each; a power of
  // two.
  AttemptCounts(const HashKey& key, std::size_t places);

  // `address` is one, or the prefix that one customer has (address_group). `account` in one case.
  Verdict judge(std::string_view address, std::string_view account, const AttemptLimits& limits,
                Instant now) const;
  // Counts a failure; gives how long its answer is to wait: a second for the first of an address,
  // then twice as long each time, up to the limit.
  Duration failed(std::string_view address, std::string_view account, const AttemptLimits& limits,
                  Instant now);
  // From now on the pair has a limit of its own, that of an account, instead of both others:
  // neither strangers that guess nor somebody else behind the same address can lock the owner out.
  void succeeded(std::string_view address, std::string_view account, const AttemptLimits& limits,
                 Instant now);

 private:
  struct Place {
    std::uint64_t key = 0;     // 0: free
    Instant at{};              // when `weight` was that
    Instant familiar_until{};  // of a pair
    std::uint32_t weight = 0;  // thousandths of failures
  };
  using Places = std::vector<Place>;

  std::uint64_t hash(char kind, std::string_view a, std::string_view b) const;
  static const Place* find(const Places& places, std::uint64_t key);
  // The place of `key`, which may be another's that goes.
  static Place& take(Places& places, std::uint64_t key, Duration window, Instant now);
  static std::uint32_t weight(const Place* place, Duration window, Instant now);
  static std::uint32_t count(Place& place, Duration window, Instant now);
  static bool reaches(const Place* place, std::uint32_t failures_max, Duration window, Instant now);

  HashKey key_;
  Places addresses_, accounts_, pairs_;
};

}  // namespace ringpost::sasl
