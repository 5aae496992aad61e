// From a recipient to its deliveries: rules, aliases, virtual addresses, users (RFC 5321 3.9,
// aliases(5)). Deterministic and restartable: when something is not known yet the answer is Later,
// the owner finds it and calls again. Never partial: either every delivery of the recipient is
// found or none counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/lookups.h"
#include "proto/conf/ruleset.h"

namespace ringpost::conf {

inline constexpr unsigned expansion_depth_max = 10;
inline constexpr std::size_t expansion_nodes_max = 4096;  // addresses and users of one recipient
inline constexpr std::size_t forward_octets_max = 4096;
inline constexpr std::size_t forward_targets_max = 100;

enum class DeliveryKind : std::uint8_t {
  Action,   // by the action's method
  Command,  // an alias "|command"
  File,     // an alias "/file"
};

struct Delivery {
  const Action* action = nullptr;
  const Rule* rule = nullptr;
  DeliveryKind kind = DeliveryKind::Action;
  std::string target = {};  // the command without its bar, or the file's absolute path; else empty
  // Action: whose mailbox (the action's `user` says as whom to write); with Method::Relay nobody.
  // Command and File: as whom it runs or is written; an empty name: the daemon's own user.
  UserInfo user = {};
  std::string sub_address = {};       // "tag" of user+tag, or empty
  std::string destination_user = {};  // the last address on the way: %{dest.user}
  std::string destination_domain = {};
};

enum class Outcome : std::uint8_t {
  Deliver,           // `deliveries` is not empty
  Refused,           // no rule, or a reject rule: 550 5.7.1; `rule` says which
  Unknown,           // 550 5.1.1: no such user or virtual address
  Loop,              // 550 5.4.6: deeper than expansion_depth_max, too large, or nothing left
  TemporaryFailure,  // 451 4.3.0
  Later,             // look `waiting_for` up, then call again
  Error,             // an `error:` alias: `reply_code` and `reply_text` are the answer
};

struct Expansion {
  Outcome outcome = Outcome::Unknown;
  std::vector<Delivery> deliveries;     // without duplicates
  const Rule* rule = nullptr;           // that decided about the recipient itself; nullptr: none
  std::optional<Question> waiting_for;  // with Later
  std::string reason;                   // with TemporaryFailure, for the log
  unsigned reply_code = 0;              // with Error
  std::string reply_text;
};

// `forwarded` as for decide().
Expansion expand(const Config& config, const LocalHost& host, const SessionFacts& session,
                 AddressView recipient, Lookups& lookups, bool forwarded = false);

// The maildir of a delivery. Nothing when the path's specifiers cannot be filled: a configuration
// error that shows only with this recipient; the delivery fails.
std::optional<std::string> maildir_path(const Config& config, const Delivery& delivery,
                                        AddressView sender, AddressView recipient);

}  // namespace ringpost::conf
