// Which DMARC record counts for a domain, and to which organization a domain belongs: by a list of
// public suffixes (RFC 7489 3.2, 6.6.3) or by a walk up the tree (RFC 9989 4.10).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/auth/dmarc_record.h"
#include "proto/auth/dns_memo.h"
#include "proto/auth/suffix_list.h"

namespace ringpost::auth {

struct Discovery {
  enum class Kind {
    Found,
    Nothing,
    Several,  // records at one name: none of them counts
    Broken,   // a record without a policy that could be applied
    Failed,   // the DNS did not answer
  };
  Kind kind = Kind::Nothing;
  DmarcRecord record = {};
  std::string domain = {};  // where it was found
};

// One for each evaluation. `domain` is lower case, without a dot at its end.
class DmarcDiscovery {
 public:
  // Null: walk. Both outlive it.
  DmarcDiscovery(const SuffixList* suffixes, DnsMemo& memo) : suffixes_(suffixes), memo_(memo) {}

  // Nothing: waits.
  std::optional<Discovery> find_record(const std::string& domain);
  std::optional<std::string> organization(const std::string& domain);
  // The name has no address and takes no mail (RFC 9091 2.7), or does not exist (RFC 9989 3.2.14).
  std::optional<bool> is_nonexistent(const std::string& domain);

 private:
  struct Walk {
    std::optional<Discovery> organization = {};  // its record, where there is any
    std::optional<Discovery> suffix = {};        // of a public suffix above it
    std::string domain = {};                     // the organization
    bool failed = false;
  };

  std::optional<Discovery> record_at(const std::string& domain);
  std::optional<Walk> walk(const std::string& domain);

  const SuffixList* suffixes_;
  DnsMemo& memo_;
};

}  // namespace ringpost::auth
