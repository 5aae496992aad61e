// What a receiver notes of one message for the aggregate report of DMARC (RFC 7489 7.2): the policy
// that was found, what came of it, and what SPF and DKIM said. Values; nothing here can fail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/auth_result.h"
#include "proto/auth/dmarc_record.h"

namespace ringpost::auth {

// Of one message, at most; signatures beyond them do not stand in a report.
inline constexpr std::size_t row_signatures_max = 10;

// Of the record, what a report repeats.
struct PublishedPolicy {
  std::string domain = {};  // where it was found
  DmarcPolicy policy = DmarcPolicy::None;
  DmarcPolicy subdomain_policy = DmarcPolicy::None;
  bool strict_dkim = false;
  bool strict_spf = false;
  std::uint8_t percent = 100;
  std::string failure_options = {};              // fo
  std::vector<std::string> aggregate_uris = {};  // rua
  bool operator==(const PublishedPolicy&) const = default;
};

// Why something else was done than the policy asks for.
enum class PolicyOverride : std::uint8_t {
  None,
  SampledOut,        // pct, or a policy that is only tested
  TrustedForwarder,  // an ARC chain that is believed
  LocalPolicy,
};

struct RowSignature {
  std::string domain = {};
  std::string selector = {};
  Result result = Result::None;
  bool operator==(const RowSignature&) const = default;
};

struct DmarcRow {
  std::uint64_t second = 0;  // since 1970
  PublishedPolicy published = {};
  std::string source = {};  // the client's address
  DmarcPolicy disposition = DmarcPolicy::None;
  PolicyOverride reason = PolicyOverride::None;
  bool dkim_aligned = false;
  bool spf_aligned = false;
  // A report of somebody else's, or what comes back for one of ours: none is written for these
  // alone.
  bool is_report = false;
  std::string header_from = {};
  std::string envelope_from = {};  // a domain; empty: the null reverse-path
  std::string spf_domain = {};
  bool spf_of_helo = false;
  Result spf = Result::None;
  std::vector<RowSignature> signatures = {};
  bool operator==(const DmarcRow&) const = default;
};

}  // namespace ringpost::auth
