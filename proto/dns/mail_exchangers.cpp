// Mail exchangers: see mail_exchangers.h.
#include "proto/dns/mail_exchangers.h"

#include <algorithm>
#include <tuple>

#include "proto/base/ascii.h"

namespace ringpost::dns {
namespace {

struct Candidate {
  std::uint16_t preference;
  std::uint64_t place;  // among equals
  const Name* host;
};

// A mixing function, not a secret: load is spread, nothing is protected.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

bool is_ours(const Name& host, std::span<const std::string> own_names) {
  const std::string text = ascii::lower(host.text());
  return std::ranges::find(own_names, text) != own_names.end();
}

}  // namespace

ExchangePlan plan_exchange(const Answer& mx, const Name& domain,
                           std::span<const std::string> own_names, std::uint64_t seed) {
  if (mx.outcome == Outcome::NoName) return {Exchange::NoDomain, {}};
  if (mx.outcome == Outcome::NoData) return {Exchange::Hosts, {{0, domain}}};
  if (mx.outcome != Outcome::Found) return {Exchange::Later, {}};
  std::vector<Candidate> candidates;
  for (const RecordData& data : mx.records) {
    const auto* exchanger = std::get_if<MailExchanger>(&data);
    if (exchanger == nullptr || exchanger->host.is_root()) continue;
    seed = mix(seed + 1);
    candidates.push_back({exchanger->preference, seed, &exchanger->host});
  }
  // RFC 7505 3: a root that stands beside others says nothing.
  if (candidates.empty()) return {Exchange::NoMail, {}};
  std::ranges::sort(candidates, {},
                    [](const Candidate& one) { return std::tuple(one.preference, one.place); });
  const auto ours = std::ranges::find_if(
      candidates, [&](const Candidate& one) { return is_ours(*one.host, own_names); });
  if (ours != candidates.end()) {
    const std::uint16_t limit = ours->preference;
    std::erase_if(candidates, [&](const Candidate& one) { return one.preference >= limit; });
  }
  if (candidates.empty()) return {Exchange::Loop, {}};
  ExchangePlan plan{Exchange::Hosts, {}};
  for (const Candidate& one : candidates)
    if (plan.hosts.size() < exchangers_max) plan.hosts.push_back({one.preference, *one.host});
  return plan;
}

}  // namespace ringpost::dns
