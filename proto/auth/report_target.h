// Where a domain wants its DMARC reports: one URI of `rua` (RFC 7489 6.2), and whether somebody
// elsewhere has agreed to get them (RFC 7489 7.1). Functions of texts and of what the DNS said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/dns_memo.h"
#include "proto/auth/suffix_list.h"

namespace ringpost::auth {

struct ReportTarget {
  std::string address = {};      // of mailto:, as it is written in an envelope
  std::string host = {};         // its domain, lower case
  std::uint64_t octets_max = 0;  // "!10m": of the message; 0: any
  bool operator==(const ReportTarget&) const = default;
};

// Nothing: no mailto URI with an address that could stand in an envelope, or a size that is none.
std::optional<ReportTarget> parse_report_target(std::string_view uri);

struct ReportPermission {
  enum class Kind : std::uint8_t {
    Permitted,
    Refused,  // the destination says nothing about the domain
    Failed,   // the DNS did not answer
  };
  Kind kind = Kind::Refused;
  // Not empty: where the destination wants them instead, all within its host.
  std::vector<ReportTarget> instead = {};
  bool operator==(const ReportPermission&) const = default;
};

// Nothing: waits for what `memo` wants. Both are lower case. Permitted without a question when they
// belong to one organization; `suffixes` as for evaluate_dmarc().
std::optional<ReportPermission> evaluate_report_permission(const std::string& policy_domain,
                                                           const std::string& host,
                                                           const SuffixList* suffixes,
                                                           DnsMemo& memo);

}  // namespace ringpost::auth
