// DMARC: whether a message is from whom its From field says, as far as that domain's owner wants it
// known, and what the owner asks for otherwise. RFC 7489, and RFC 9989 where the owner of this
// machine prefers its way to find the record. A function of results and of what the DNS said.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/auth/auth_result.h"
#include "proto/auth/dkim_header.h"
#include "proto/auth/dmarc_record.h"
#include "proto/auth/dns_memo.h"
#include "proto/auth/suffix_list.h"

namespace ringpost::auth {

// More domains in From fields are nobody's mail: such a message is to be rejected.
inline constexpr std::size_t author_domains_max = 5;
// RFC 9989 4.10: names that one walk asks for at most.
inline constexpr std::size_t walk_names_max = 8;

// The domains of all addresses in all From fields, each once, lower case, in their order; at most
// one more than author_domains_max. Of a field that cannot be read: all that follow an '@'.
std::vector<std::string> author_domains(const MessageHeader& header);

struct DmarcInput {
  std::span<const std::string> author_domains = {};
  Result spf = Result::None;  // of MAIL FROM, or of HELO when that is null
  std::string spf_domain = {};
  std::span<const DkimResult> dkim = {};
  unsigned sample = 0;         // 0 to 99: a record with pct=N means it for those below N
  bool header_is_cut = false;  // there may be authors whom nobody has read
};

struct DmarcResult {
  Result result = Result::None;
  std::string domain = {};                      // of From; empty when there is none
  std::optional<DmarcRecord> record = {};       // that was found
  std::string record_domain = {};               // whose it is
  std::optional<DmarcPolicy> policy = {};       // of it, p, sp or np: what applies to the domain
  DmarcPolicy disposition = DmarcPolicy::None;  // what is asked for, of this message
  bool spf_aligned = false;                     // SPF passed, for a domain that belongs to From's
  bool dkim_aligned = false;                    // the same of a signature
  std::string problem = {};                     // of temperror and permerror
  bool operator==(const DmarcResult&) const = default;
};

// Nothing: waits for what `memo` wants. With `suffixes` the organizational domain is what they say
// (RFC 7489 3.2); without them it is found by walking up the tree (RFC 9989 4.10). Of several
// domains in From each is judged, and the one that is worst is the result (RFC 7489 6.6.1).
std::optional<DmarcResult> evaluate_dmarc(const DmarcInput& input, const SuffixList* suffixes,
                                          DnsMemo& memo);

}  // namespace ringpost::auth
