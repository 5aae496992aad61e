// DmarcRecord: what a domain owner asks receivers to do. RFC 7489 6.3, RFC 9989 4.7. A tag that is
// wrong or unknown is ignored; a text of another version, or one that asks for nothing, is no
// record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::auth {

enum class DmarcPolicy : std::uint8_t { None, Quarantine, Reject };  // from weak to strong

std::string_view to_text(DmarcPolicy policy);

// RFC 9989: whether the domain is one below which others register names.
enum class DmarcSuffix : std::uint8_t { Unknown, Yes, No };

struct DmarcRecord {
  DmarcPolicy policy = DmarcPolicy::None;
  std::optional<DmarcPolicy> subdomain_policy = {};    // sp
  std::optional<DmarcPolicy> nonexistent_policy = {};  // np
  bool strict_dkim = false;                            // adkim=s
  bool strict_spf = false;                             // aspf=s
  bool testing = false;                                // t=y
  std::uint8_t percent = 100;                          // pct
  DmarcSuffix suffix = DmarcSuffix::Unknown;           // psd
  std::uint32_t interval_s = 86'400;                   // ri
  std::string failure_options = "0";                   // fo, as written
  std::string failure_format = "afrf";                 // rf, as written
  std::vector<std::string> aggregate_uris = {};        // rua; with "!size" where that stands there
  std::vector<std::string> failure_uris = {};          // ruf
  bool operator==(const DmarcRecord&) const = default;
};

// RFC 7489 6.6.3: begins with the version; other texts of the name do not count.
bool is_dmarc_record(std::string_view text);

// Nothing: no policy that could be applied. Of a record whose policy cannot be read but which asks
// for reports the policy is none.
std::optional<DmarcRecord> parse_dmarc_record(std::string_view text);

}  // namespace ringpost::auth
