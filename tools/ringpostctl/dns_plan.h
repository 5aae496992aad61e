// DnsPlan: the records that a hosted domain needs so that mail for it comes here and mail from it
// is believed elsewhere, and what is wrong with those that are published. Functions of the plan and
// of what the DNS said; sentences for people.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/auth/dns_memo.h"
#include "proto/conf/net_address.h"

namespace ringpost::ctl {

struct PlannedKey {
  std::string selector = {};
  std::string record = {};  // "v=DKIM1; …"
};

// The same for all domains of a machine, but for keys.
struct DnsPlan {
  std::string host = {};                         // takes the mail, and says so in HELO
  std::vector<conf::NetAddress> addresses = {};  // of the host, from which mail leaves
  std::vector<PlannedKey> keys = {};             // for each domain
  std::map<std::string, std::vector<PlannedKey>> keys_of = {};  // a domain's own, besides
  std::string reports = {};  // where aggregate reports go; empty: to postmaster of the domain
};

// Lines of a zone file, absolute names.
std::string zone_lines(const DnsPlan& plan, const std::string& domain);

// What is wrong, a sentence each; empty: nothing. No list at all: waits for what `memo` wants.
std::optional<std::vector<std::string>> check_zone(const DnsPlan& plan, const std::string& domain,
                                                   auth::DnsMemo& memo);

}  // namespace ringpost::ctl
