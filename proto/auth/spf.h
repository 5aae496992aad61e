// SPF: whether a domain lets a client send mail in its name. RFC 7208. A function of the session
// and of what the DNS said; everything that can be wrong is a result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/auth/auth_result.h"
#include "proto/auth/dns_memo.h"
#include "proto/base/clock.h"
#include "proto/conf/net_address.h"

namespace ringpost::auth {

// RFC 7208 4.6.4.
inline constexpr unsigned spf_lookups_max = 10;        // terms that ask the DNS
inline constexpr unsigned spf_void_lookups_max = 2;    // of those, without an answer
inline constexpr std::size_t spf_exchangers_max = 10;  // of one `mx`: more are an error
inline constexpr std::size_t spf_pointers_max = 10;    // of the client's names: more are not seen

struct SpfInput {
  conf::NetAddress client = {};  // IPv4 within IPv6 counts as IPv4
  std::string helo = {};
  std::string mail_from = {};  // without angle brackets; empty: the null reverse-path
  std::string receiver = {};   // our name, %{r}
  WallTime now = {};           // %{t}
};

enum class SpfIdentity : std::uint8_t { MailFrom, Helo };

struct SpfResult {
  Result result = Result::None;
  SpfIdentity identity = SpfIdentity::MailFrom;
  std::string domain = {};       // of the identity, as it was given, in lower case
  std::string mechanism = {};    // the term that matched as published; "default" when none did
  std::string explanation = {};  // of a fail what the domain says about it, ASCII; may be empty
  std::string problem = {};      // of temperror and permerror: what went wrong
  bool operator==(const SpfResult&) const = default;
};

// Nothing: waits for what `memo` wants. Of the MAIL FROM identity; of HELO's when the reverse-path
// is null (RFC 7208 2.4).
std::optional<SpfResult> evaluate_spf(const SpfInput& input, DnsMemo& memo);
// Of the HELO identity (RFC 7208 2.3).
std::optional<SpfResult> evaluate_spf_helo(const SpfInput& input, DnsMemo& memo);

}  // namespace ringpost::auth
