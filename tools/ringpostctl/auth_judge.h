// Judges one message as the daemon would when a client sends it: SPF, DKIM, DMARC and ARC over the
// answers of name servers that are asked now. Ends at the latest after judge_time_max, with
// temporary errors for what was not answered.
#pragma once

#include <string>
#include <vector>

#include "engine/mta/control.h"
#include "proto/auth/arc_chain.h"
#include "proto/auth/auth_result.h"
#include "proto/auth/dmarc.h"
#include "proto/auth/spf.h"
#include "proto/base/clock.h"
#include "proto/dns/settings.h"

namespace ringpost::ctl {

// RFC 7208 4.6.4: at least 20 seconds.
inline constexpr Duration judge_time_max = seconds(20);

struct AuthQuestion {
  dns::ResolverSettings resolver = {};
  auth::SpfInput session = {};
  std::string message = {};  // lines end with LF or CRLF
};

struct AuthReport {
  auth::SpfResult spf = {};
  std::vector<auth::DkimResult> dkim = {};
  auth::DmarcResult dmarc = {};
  auth::ArcResult arc = {};
};

// Null `suffixes`: organizational domains by walking up the tree. Blocks.
AuthReport judge(const AuthQuestion& question, const auth::SuffixList* suffixes);

// All keys are always there; texts that nothing is known of are empty.
mta::Json json_of(const AuthReport& report);

// The Authentication-Results field (RFC 8601), folded, lines ended by LF as in a file.
std::string field_of(const AuthReport& report, const AuthQuestion& question,
                     std::string_view authserv_id);

// "<a@b>" or "a@b" as a bare address; "<>" is empty.
std::string bare_address(std::string_view text);

}  // namespace ringpost::ctl
