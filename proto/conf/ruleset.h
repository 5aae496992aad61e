// Which rule decides about a recipient: the first `match` whose tests all hold; none means refusal.
// Deterministic and restartable: a table that is not in memory is asked through Lookups, and the
// answer may be Later. Allocates nothing while every table is in memory. Used by any core.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/config.h"
#include "proto/conf/format_specifier.h"
#include "proto/conf/lookups.h"
#include "proto/conf/net_address.h"
#include "proto/conf/table_tests.h"

namespace ringpost::conf {

// What `local` means on this machine. Names are compared without case.
class LocalHost {
 public:
  LocalHost() = default;
  // Names: "localhost", the server name and each address as a literal ("[192.0.2.1]",
  // "[IPv6:::1]").
  LocalHost(std::string_view server_name, std::span<const NetAddress> interface_addresses);
  bool has_address(const NetAddress& address) const;
  bool has_name(std::string_view domain) const;

 private:
  std::vector<NetAddress> addresses_;  // sorted
  std::vector<std::string> names_;
};

struct Decision {
  enum class State : std::uint8_t { Decided, Later, TemporaryFailure };
  State state = State::Decided;
  // Decided: the rule, or nullptr when none holds: refuse with 550 5.7.1. A rule with no action
  // also refuses.
  const Rule* rule = nullptr;
  std::optional<Question> waiting_for = {};  // Later
  std::string reason = {};                   // TemporaryFailure, for the log
};

// `forwarded` says that `recipient` comes from an alias: its origin counts as local then, as in
// OpenSMTPD, whatever the client's address is.
Decision decide(const Config& config, const LocalHost& host, const SessionFacts& session,
                AddressView recipient, Lookups& lookups, bool forwarded = false);

// For people: "rule 3 (smtpd.conf:17) action local", "no rule matches".
std::string trace(const Config& config, const Rule* rule);

}  // namespace ringpost::conf
