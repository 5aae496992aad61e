// What `listen on ... dmarc` says of mail from strangers: values of a Listener.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringpost::conf {

class Table;

// What is done with what a domain's DMARC policy speaks against.
enum class DmarcAction : std::uint8_t {
  None,    // it is only written down
  Junk,    // quarantine and reject: filed as junk
  Reject,  // quarantine: filed as junk; reject: refused
};

// `dmarc ACTION [override <table>] [trust <table>]`
struct SenderAuth {
  bool is_checked = false;
  DmarcAction action = DmarcAction::None;
  // In memory, or null. `overrides`: domain to "none", "junk" or "reject", whatever it publishes.
  // `sealers`: whose ARC chains are believed (RFC 8617 7.2.1).
  const Table* overrides = nullptr;
  const Table* sealers = nullptr;
};

constexpr std::optional<DmarcAction> dmarc_action_of(std::string_view word) {
  if (word == "none") return DmarcAction::None;
  if (word == "junk") return DmarcAction::Junk;
  if (word == "reject") return DmarcAction::Reject;
  return std::nullopt;
}

}  // namespace ringpost::conf
