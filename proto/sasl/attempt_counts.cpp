// Failures that fade: see attempt_counts.h.
#include "proto/sasl/attempt_counts.h"

#include <algorithm>
#include <span>
#include <string>

#include "proto/base/check.h"

namespace ringpost::sasl {
namespace {

constexpr std::uint32_t one_failure = 1000;
constexpr std::uint32_t weight_max = 1'000'000;
constexpr std::uint32_t doublings_max = 20;
constexpr std::size_t bucket_places = 4;
constexpr Duration delay_first = seconds(1);
// How long an account knows an address from which it was used.
constexpr Duration familiar_max = seconds(30 * 86'400);

}  // namespace

AttemptCounts::AttemptCounts(const HashKey& key, std::size_t places)
    : key_(key), addresses_(places), accounts_(places), pairs_(places) {
  CHECK(places >= bucket_places && (places & (places - 1)) == 0);
}

std::uint64_t AttemptCounts::hash(char kind, std::string_view a, std::string_view b) const {
  std::string text;
  text.reserve(a.size() + b.size() + 2);
  text += kind;
  text.append(a) += '\0';
  text.append(b);
  return keyed_hash(key_, text) | 1u;
}

const AttemptCounts::Place* AttemptCounts::find(const Places& places, std::uint64_t key) {
  const std::size_t bucket = (key >> 1) & (places.size() - 1) & ~(bucket_places - 1);
  const auto row = std::span(places).subspan(bucket, bucket_places);
  const auto found = std::ranges::find(row, key, &Place::key);
  return found == row.end() ? nullptr : &*found;
}

// What is left of its failures: they fade evenly over the window.
std::uint32_t AttemptCounts::weight(const Place* place, Duration window, Instant now) {
  if (place == nullptr || now - place->at >= window) return 0;
  const std::int64_t left = (window - (now - place->at)).ns / 1'000'000;
  return static_cast<std::uint32_t>(place->weight * left / (window.ns / 1'000'000));
}

AttemptCounts::Place& AttemptCounts::take(Places& places, std::uint64_t key, Duration window,
                                          Instant now) {
  const std::size_t bucket = (key >> 1) & (places.size() - 1) & ~(bucket_places - 1);
  const auto row = std::span(places).subspan(bucket, bucket_places);
  auto found = std::ranges::find(row, key, &Place::key);
  if (found == row.end()) {
    found = std::ranges::min_element(row, {}, [&](const Place& place) {
      const std::uint32_t familiar = place.familiar_until > now ? one_failure : 0;
      return place.key == 0 ? 0 : 1 + weight(&place, window, now) + familiar;
    });
    *found = {.key = key, .at = now};
  }
  return *found;
}

std::uint32_t AttemptCounts::count(Place& place, Duration window, Instant now) {
  place.weight = std::min(weight(&place, window, now), weight_max) + one_failure;
  place.at = now;
  return place.weight;
}

bool AttemptCounts::reaches(const Place* place, std::uint32_t failures_max, Duration window,
                            Instant now) {
  return failures_max != 0 &&
         weight(place, window, now) + one_failure / 2 >= std::uint64_t{failures_max} * one_failure;
}

AttemptCounts::Verdict AttemptCounts::judge(std::string_view address, std::string_view account,
                                            const AttemptLimits& limits, Instant now) const {
  const Place* pair = find(pairs_, hash('p', address, account));
  if (pair != nullptr && pair->familiar_until > now)
    return reaches(pair, limits.per_account_max, limits.window, now) ? Verdict::AccountLimited
                                                                     : Verdict::Allowed;
  if (reaches(find(addresses_, hash('a', address, {})), limits.per_address_max, limits.window, now))
    return Verdict::AddressLimited;
  if (reaches(find(accounts_, hash('u', account, {})), limits.per_account_max, limits.window, now))
    return Verdict::AccountLimited;
  return Verdict::Allowed;
}

Duration AttemptCounts::failed(std::string_view address, std::string_view account,
                               const AttemptLimits& limits, Instant now) {
  Place& of_address = take(addresses_, hash('a', address, {}), limits.window, now);
  const std::uint32_t failures = count(of_address, limits.window, now);
  const std::uint64_t pair_key = hash('p', address, account);
  const Place* pair = find(pairs_, pair_key);
  if (pair != nullptr && pair->familiar_until > now) {
    count(take(pairs_, pair_key, limits.window, now), limits.window, now);
  } else if (!account.empty()) {
    count(take(accounts_, hash('u', account, {}), limits.window, now), limits.window, now);
  }
  const std::uint32_t before = std::min((failures - one_failure / 2) / one_failure, doublings_max);
  return std::min(Duration{delay_first.ns << before}, limits.delay_max);
}

void AttemptCounts::succeeded(std::string_view address, std::string_view account,
                              const AttemptLimits& limits, Instant now) {
  take(pairs_, hash('p', address, account), limits.window, now).familiar_until = now + familiar_max;
}

}  // namespace ringpost::sasl
