// The failure report of DMARC about one message: whether the domain wants it, and the message that
// carries it, with the header of that message and never its body. RFC 7489 7.3, RFC 6591. Bounded;
// cannot fail.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/dmarc.h"
#include "proto/base/clock.h"

namespace ringpost::auth {

// Of the message's header; the rest is left out.
inline constexpr std::size_t failure_header_octets_max = 16 * 1024;

// What is known of the message. Texts may hold anything.
struct FailureNote {
  WallTime received{};
  std::string domain = {};             // of the policy, lower case
  std::vector<std::string> uris = {};  // ruf
  std::string reverse_path = {};       // not empty
  std::string client = {};             // its address
  std::string results = {};            // the value of Authentication-Results, in one line
  std::string delivery = {};           // as RFC 6591 has them: "delivered", "spam" or "reject"
  bool dkim_aligned = false;
  bool spf_aligned = false;
  std::string dkim_domain = {};  // of the first signature that failed; empty: there is none
  std::string dkim_selector = {};
  std::string header = {};  // lines with CRLF
};

// By fo= (RFC 7489 6.3) and rf= of its record, in which ruf= must name somebody. False for what the
// DNS did not say in time.
bool wants_failure_report(const DmarcResult& dmarc, Result spf, std::span<const DkimResult> dkim);

struct FailureFrame {
  std::string_view organization = {};  // who reports
  std::string_view from = {};          // its address
  std::string_view to = {};            // an address
  std::string_view server = {};        // the name of the reporting server
  std::string_view message_id = {};
  std::string_view boundary = {};  // cannot be foreseen
  WallTime now{};
};

// A whole message, lines with CRLF, in ASCII.
std::string failure_message(const FailureFrame& frame, const FailureNote& note);

}  // namespace ringpost::auth
