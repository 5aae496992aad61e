// Limits of destinations: see limits.h.
#include "store/queue/limits.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "proto/base/ascii.h"

namespace ringpost::store {
namespace {

constexpr std::int64_t connections_limit = 60'000;
constexpr std::int64_t delay_limit_s = 86'400;

// The value for the domain, or that for all; nothing: neither was given.
std::optional<std::int64_t> value_of(const conf::MtaSettings& settings, std::string_view domain,
                                     std::string_view key) {
  std::optional<std::int64_t> for_all, for_domain;
  for (const conf::NamedLimit& limit : settings.limits) {
    if (limit.key != key) continue;
    if (limit.domain.empty()) for_all = limit.value;
    if (!domain.empty() && ascii::equal_ignoring_case(limit.domain, domain))
      for_domain = limit.value;
  }
  return for_domain ? for_domain : for_all;
}

std::uint16_t count_of(std::int64_t value) {
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(value, 1, connections_limit));
}

DestinationLimits limits_for(const conf::MtaSettings& settings, std::string_view domain) {
  DestinationLimits limits;
  const auto value = [&](std::string_view key) { return value_of(settings, domain, key); };
  std::int64_t connections = limits.connections_max;
  if (const auto most = value("max-conn-per-domain")) connections = *most;
  if (const auto most = value("max-conn-per-relay"))
    connections = value("max-conn-per-domain") ? std::min(connections, *most) : *most;
  limits.connections_max = count_of(connections);
  limits.connections_initial = std::min(limits.connections_initial, limits.connections_max);
  if (const auto most = value("session-mail-max"))
    limits.transactions_per_connection = count_of(*most);
  const std::int64_t delay_s =
      std::max(value("conn-delay-domain").value_or(0), value("conn-delay-relay").value_or(0));
  limits.connection_interval = seconds(std::clamp<std::int64_t>(delay_s, 0, delay_limit_s));
  return limits;
}

}  // namespace

std::uint16_t LimitsTable::number_of(std::string_view domain) const {
  const auto found = numbers.find(domain);
  return found == numbers.end() ? std::uint16_t{0} : found->second;
}

LimitsTable limits_of(const conf::MtaSettings& settings) {
  LimitsTable table;
  table.limits.push_back(limits_for(settings, {}));
  for (const conf::NamedLimit& limit : settings.limits) {
    const bool fits = table.limits.size() <= std::numeric_limits<std::uint16_t>::max();
    if (limit.domain.empty() || !fits) continue;
    const auto number = static_cast<std::uint16_t>(table.limits.size());
    if (table.numbers.try_emplace(ascii::lower(limit.domain), number).second)
      table.limits.push_back(limits_for(settings, limit.domain));
  }
  return table;
}

}  // namespace ringpost::store
