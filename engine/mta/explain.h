// explain: what becomes of one recipient, in words: the rule that decides, its action, and every
// delivery it expands to, with all that was asked on the way. Asks and waits (name service, tables,
// files of users), so never on a core: for `ringpostd -n --explain`.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "engine/mta/generation.h"
#include "proto/base/fault.h"

namespace ringpost::mta {

struct ExplainWish {
  std::string sender;     // empty: the null reverse-path
  std::string recipient;  // user@domain, or a user alone
  // The client's address; nothing: a program on this machine.
  std::optional<conf::NetAddress> client = {};
  std::string user = {};  // as whom the client is authenticated; empty: not at all
  std::string tag = {};   // of the listener
  std::string helo = {};
  std::string client_name = {};  // what the DNS calls the client; empty: nothing
  bool tls = false;
};

// Several lines. Fails only when tables cannot be opened.
std::expected<std::string, std::string> explain(Generation& generation, const ExplainWish& wish);

}  // namespace ringpost::mta
