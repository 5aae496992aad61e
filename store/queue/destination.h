// Destination: a next hop for which mail is gathered, the limits it is served with, and which core
// serves it. Pure values and functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/base/clock.h"

namespace ringpost::store {

// Names a destination of one Scheduler while that knows it: while it has recipients or connections,
// or is paused, and for an hour after that.
struct DestinationId {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const DestinationId&) const = default;
};

struct DestinationLimits {
  std::uint16_t connections_initial = 5;  // at least 1
  std::uint16_t connections_max = 100;    // at least 1
  std::uint16_t transactions_per_connection = 100;
  std::uint16_t recipients_per_transaction = 100;
  Duration connection_interval{};   // from one connection to the next
  Duration transaction_interval{};  // from one transaction to the next, over all its connections
  // How long a destination is left alone that no connection reaches: the first time, and at most.
  // It doubles from time to time, and up to an eighth is added so that destinations part that
  // failed together.
  Duration pause_min = seconds(60);
  Duration pause_max = seconds(3'600);
};

// Which of `cores` serves the destination of this name: the same for ever, on every machine.
unsigned owner_of(std::string_view destination, unsigned cores);

std::uint64_t hash_of(std::string_view destination);

// How long the destination is left alone the n-th time in a row; n counts from 1.
Duration pause_of(const DestinationLimits& limits, std::string_view destination, std::uint8_t n);

}  // namespace ringpost::store
