// ArcChain: the sets of ARC fields in a header, and whether their structure is sound. RFC 8617 4.2
// and 5.2, steps 1 to 3. What breaks the structure is one static sentence; the chain then failed.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/auth_result.h"
#include "proto/auth/dkim_header.h"
#include "proto/auth/dkim_signature.h"

namespace ringpost::auth {

// The three fields of one instance; views into the header.
struct ArcSet {
  HeaderField results, message, seal;
  DkimSignature seal_signature = {};
};

struct ArcChain {
  std::vector<ArcSet> sets = {};         // from instance 1 upwards; none: there is no chain
  DkimSignature message_signature = {};  // of the newest set
};

struct ArcFlaw {
  std::string_view reason;
  unsigned instances = 0;  // the highest that was seen
  bool ends_here = false;  // the newest seal says so (cv=fail): nobody may go on
};

std::expected<ArcChain, ArcFlaw> parse_chain(const MessageHeader& header);

// What is behind "i=N;" in an ARC-Authentication-Results, or nothing when that is not its start.
struct ArcResults {
  unsigned instance = 0;
  std::string_view payload;
};
std::optional<ArcResults> parse_arc_results(std::string_view value);

// Appends a set as seals sign it: results, message signature, seal, each with its line end. The
// seal of the newest set comes without its b= and line end, and is not part of this.
void append_set_for_seal(const ArcSet& set, std::string& target);

// What a chain amounts to.
struct ArcResult {
  Result result = Result::None;  // None, Pass or Fail
  unsigned instances = 0;
  std::string reason = {};                // why it failed
  std::vector<std::string> sealers = {};  // Pass: d= of each seal, from instance 1 upwards
  bool signs_from = false;                // Pass: the newest message signature covers From
  bool is_temporary = false;              // Fail: the DNS did not answer, and may do so later
  bool ends_here = false;                 // Fail: the newest seal said so already
};

}  // namespace ringpost::auth
