// What the options of a `relay` action say of a connection (`src`, `helo-src`) and of senders
// (`mail-from`, `srs`). They are those of the configuration in use when the connection is made.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/find_way.h"
#include "proto/smtp/client_session.h"

namespace ringpost::mta {

// One way to set out for a hop.
struct Departure {
  std::optional<net::Address> source;  // nothing: the kernel chooses
  std::string hello;                   // what EHLO says; empty: as the next hop has it
};

// In the order in which they are to be tried, or why there are none.
struct Departures {
  std::vector<Departure> ways;
  NoWay failure;
};

// `hop` is one of `next`; asks the tables that are not in memory.
ring::Task<Departures> departures_for(WorkerParts& parts, const NextHop& next, const Hop& hop);

// What the label of `next` stands for in the table of `auth`; a NoWay when nothing does.
ring::Task<std::expected<smtp::ClientLogin, NoWay>> login_for(WorkerParts& parts,
                                                              const NextHop& next);

// The addresses of `table` that are of `family` (AF_INET, AF_INET6), from the one whose turn it is.
std::vector<net::Address> sources_of(const conf::Table& table, int family, std::size_t turn);

// What MAIL says when a message with this reverse path is relayed. The null path stays what it is:
// reports must not be answered (RFC 5321 4.5.5).
std::string relayed_sender(const Generation& generation, const conf::RelaySettings& relay,
                           const std::string& reverse_path, const store::Recipient& recipient,
                           WallTime now);

}  // namespace ringpost::mta
