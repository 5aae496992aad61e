// Result words of sender authentication, and what is known of one DKIM signature: RFC 8601 2.7.
// Values; nothing here can fail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ringpost::auth {

enum class Result : std::uint8_t {
  None,
  Neutral,
  Pass,
  Fail,
  SoftFail,   // SPF only
  Policy,     // it verified, but is not accepted for a reason of ours
  TempError,  // may be different later
  PermError,  // what was published, or signed, is broken
};

// The word of RFC 8601.
constexpr std::string_view to_text(Result result) {
  switch (result) {
    case Result::None:
      return "none";
    case Result::Neutral:
      return "neutral";
    case Result::Pass:
      return "pass";
    case Result::Fail:
      return "fail";
    case Result::SoftFail:
      return "softfail";
    case Result::Policy:
      return "policy";
    case Result::TempError:
      return "temperror";
    case Result::PermError:
      return "permerror";
  }
  std::unreachable();
}

// One DKIM signature. Texts come from the message as they are: who prints them makes them safe.
struct DkimResult {
  Result result = Result::None;
  std::string domain = {};     // d=, lower case
  std::string selector = {};   // s=
  std::string algorithm = {};  // a=, lower case
  std::string reason = {};     // why it is no pass, or what is odd about the pass; may be empty
  std::string identity = {};   // i=, or its default; empty when there is none
  std::string start = {};      // the first octets of b=, which tell equal signatures apart
  std::uint64_t unsigned_octets = 0;  // of the body, behind what l= says is signed
  bool operator==(const DkimResult&) const = default;
};

}  // namespace ringpost::auth
