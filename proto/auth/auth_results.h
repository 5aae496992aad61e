// The fields Authentication-Results and Received-SPF: what we found out about a message, for those
// who read it after us. RFC 8601, RFC 7208 9.1; names of methods and properties as IANA registers
// them. Texts come from strangers: none of them can end a value, a field or a line.
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
  // RFC 8601 2.7.4: the client is logged in; as whom, or empty when that is nobody's business.
  std::optional<std::string_view> user = {};
};

// Appends the whole field, folded, with CRLF at its end.
void append_auth_results(std::string& target, const AuthResults& results);
// The value of a field that was written so, in one line.
std::string in_one_line(std::string_view field);
// Appends the whole field Received-SPF, likewise, of `spf`, `mail_from`, `helo` and
// `client_address`. `receiver`: the name of the host that asked the DNS.
void append_received_spf(std::string& target, const AuthResults& results,
                         std::string_view receiver);

}  // namespace ringpost::auth
