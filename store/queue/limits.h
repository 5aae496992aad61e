// `mta limit` of smtpd.conf as the Scheduler needs it: limits by number, and which number a domain
// has. Pure. Keys about hosts, routes, sources and a single session are for those who connect.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/config.h"
#include "store/queue/destination.h"

namespace ringpost::store {

struct LimitsTable {
  std::vector<DestinationLimits> limits;  // by number; 0: domains without limits of their own
  std::map<std::string, std::uint16_t, std::less<>> numbers;  // domains in lower case

  std::uint16_t number_of(std::string_view domain) const;
};

// What is said for a domain counts more than what is said for all, the last of equals most. The
// smaller one of max-conn-per-domain and max-conn-per-relay counts, and the greater delay. Numbers
// out of range become the nearest possible ones.
LimitsTable limits_of(const conf::MtaSettings& settings);

}  // namespace ringpost::store
