// The field Authentication-Results: what we found out about a message, for those who read it after
// us. RFC 8601; names of methods and properties as IANA registers them. Texts come from strangers:
// none of them can end a value, a field or a line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proto/auth/arc_chain.h"
#include "proto/auth/auth_result.h"
#include "proto/auth/dmarc.h"
#include "proto/auth/spf.h"

namespace ringpost::auth {

// Signatures that are told of, the topmost ones: strangers choose how many there are.
inline constexpr std::size_t told_signatures_max = 20;

// What is to be said; what is null or absent was not looked at.
struct AuthResults {
  std::string_view service = {};  // authserv-id: the name of this server
  const SpfResult* spf = nullptr;
  std::string_view mail_from = {}, helo = {};  // of the session; with spf
  std::optional<std::span<const DkimResult>> dkim = {};
  const DmarcResult* dmarc = nullptr;
  std::string_view disposition = {};  // with dmarc: what we do: "none", "quarantine" or "reject"
  const ArcResult* arc = nullptr;
  // RFC 8601 2.7.3: whether the client's address has a name that leads back to it.
  std::optional<Result> client_name = {};
  std::string_view client_address = {};
};

// Appends the whole field, folded, with CRLF at its end.
void append_auth_results(std::string& target, const AuthResults& results);

}  // namespace ringpost::auth
