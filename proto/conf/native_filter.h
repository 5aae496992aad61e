// What `filter NAME builtin …` says: filters that need no program. Values of Config; whoever acts
// on them is engine/mta/native_filter.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/base/clock.h"
#include "proto/conf/table.h"
#include "proto/dns/address_list.h"
#include "proto/filter/vocabulary.h"

namespace ringpost::conf {

enum class FilterDecision : std::uint8_t { Reject, Disconnect, Rewrite, Report, Junk, Bypass };

inline constexpr Duration list_timeout_default = seconds(5);

// `builtin senderscore`: the flags of the program filter-senderscore; -1: not used.
struct SenderScoreSettings {
  int block_below = -1;
  filter::Phase block_phase = filter::Phase::Connect;
  int junk_below = -1;
  std::int64_t slow_factor_ms = -1;
  bool score_header = false;
  const Table* allowed = nullptr;  // whose score is 100
  dns::Name zone;
  Duration timeout = list_timeout_default;
};

struct ListZone {
  dns::Name name;
  std::string text;  // of the name
  int weight = 1;
  std::vector<dns::ReturnCode> codes;  // empty: all
};

// From this total on.
struct ListStep {
  int at = 1;
  FilterDecision decision = FilterDecision::Reject;  // never Rewrite or Bypass
  std::string text;                                  // of a refusal; empty: the list's own reason
};

// `builtin dnsbl`
struct DnsListSettings {
  filter::Phase phase = filter::Phase::Connect;
  std::vector<ListZone> zones;     // not empty
  std::vector<ListStep> steps;     // not empty; by `at`, none twice
  const Table* allowed = nullptr;  // nobody asks about these
  bool defers = false;             // a zone that cannot be asked may cost a 451
  Duration timeout = list_timeout_default;
};

// `builtin greet-delay`
struct GreetDelaySettings {
  Duration delay{};
  FilterDecision decision = FilterDecision::Reject;  // about who does not wait
  std::string text;                                  // of a refusal; empty: ours
  const Table* allowed = nullptr;                    // who need not wait
  Duration remembered = seconds(86'400);             // who has waited need not again
};

enum class RateKey : std::uint8_t { Address, Network, Account };
enum class RateCounted : std::uint8_t { Connections, Messages, Recipients, Failures };

// `count` at once, and as many again in each `period`.
struct RateLimit {
  RateCounted counted = RateCounted::Connections;
  std::uint32_t count = 0;
  Duration period{};
};

// `builtin rate`
struct RateSettings {
  RateKey key = RateKey::Address;
  std::vector<RateLimit> limits;              // not empty
  unsigned inet4_bits = 24, inet6_bits = 64;  // of a network
  std::optional<FilterDecision> decision;     // nothing: 421 or 450
  std::string text;                           // of a refusal; empty: ours
  const Table* allowed = nullptr;             // addresses without limits
};

using NativeSettings =
    std::variant<SenderScoreSettings, DnsListSettings, GreetDelaySettings, RateSettings>;

}  // namespace ringpost::conf
