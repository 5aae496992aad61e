// From a next hop to addresses: hosts of the configuration, which may be names of this machine's
// own, and mail exchangers (RFC 5321 5.1, RFC 7505), of which those that are ourselves, by name or
// address, end the list.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "engine/mta/next_hop.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/task.h"

namespace ringpost::mta {

// One address that may be tried; a host may have several.
struct Hop {
  std::variant<net::Address, net::SocketPath> where;
  std::string name;  // for results and faults
  std::string host;  // for reports
};

// Why a destination could not be reached.
struct NoWay {
  bool permanent = false;
  std::string status = "4.4.1";  // RFC 3463
  std::string text = {};
};

// The addresses in the order in which they are to be tried, or why there are none.
struct Way {
  std::vector<Hop> hops;
  NoWay failure;
};

ring::Task<Way> find_way(WorkerParts& parts, const NextHop& next);

}  // namespace ringpost::mta
