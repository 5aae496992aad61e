// What `listen on ... dmarc` says of mail from strangers: values of a Listener. What `dmarc
// reports` says: a value of Config.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/clock.h"

namespace ringpost::conf {

class Table;

// What is done with what a domain's DMARC policy speaks against.
enum class DmarcAction : std::uint8_t {
  None,    // it is only written down
  Junk,    // quarantine and reject: filed as junk
  Reject,  // quarantine: filed as junk; reject: refused
};

// `dmarc ACTION [override <table>] [trust <table>] [received-spf]`
struct SenderAuth {
  bool is_checked = false;
  bool writes_received_spf = false;
  DmarcAction action = DmarcAction::None;
  // In memory, or null. `overrides`: domain to "none", "junk" or "reject", whatever it publishes.
  // `sealers`: whose ARC chains are believed (RFC 8617 7.2.1).
  const Table* overrides = nullptr;
  const Table* sealers = nullptr;
};

// `dmarc reports from ADDRESS`: aggregate reports are gathered and sent (RFC 7489 7.2).
struct DmarcReports {
  std::string from;          // an address, as it is written in an envelope
  std::string organization;  // who reports; empty: the server's name
  std::string contact;       // may be empty
  Duration interval = seconds(86'400);
  // Reports about single messages (RFC 7489 7.3), at most so many an hour; none without them.
  std::optional<std::uint32_t> failures_per_hour;
};

constexpr std::optional<DmarcAction> dmarc_action_of(std::string_view word) {
  if (word == "none") return DmarcAction::None;
  if (word == "junk") return DmarcAction::Junk;
  if (word == "reject") return DmarcAction::Reject;
  return std::nullopt;
}

}  // namespace ringpost::conf
