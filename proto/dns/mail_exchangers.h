// Which hosts take the mail of a domain, and in which order (RFC 5321 5.1, RFC 7505). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/dns/answer.h"

namespace ringpost::dns {

// Of a domain with more, those with the greatest preference numbers are left out.
inline constexpr std::size_t exchangers_max = 10;

enum class Exchange : std::uint8_t {
  Hosts,     // try these
  Later,     // the DNS could not say
  NoDomain,  // there is no such domain
  NoMail,    // null MX: it takes no mail
  Loop,      // we ourselves are the best that is left
};

struct ExchangePlan {
  Exchange kind = Exchange::Later;
  std::vector<MailExchanger> hosts;  // in the order in which they are to be tried
};

// `mx` answers the question for MX records of `domain`; without such records the domain itself is
// the host, with preference 0. Hosts of equal preference are shuffled by `seed`. Where one of
// `own_names` (lower case) stands, only what is preferred to it counts.
ExchangePlan plan_exchange(const Answer& mx, const Name& domain,
                           std::span<const std::string> own_names, std::uint64_t seed);

}  // namespace ringpost::dns
