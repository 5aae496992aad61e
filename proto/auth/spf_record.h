// SpfRecord: one published policy, taken apart. RFC 7208 4.6.1, 5, 6 and 12. A record with any
// error in it, wherever that stands, is none: the error says what and where.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/auth_result.h"
#include "proto/conf/net_address.h"

namespace ringpost::auth {

enum class SpfMechanism : std::uint8_t { All, Include, A, Mx, Ptr, Ip4, Ip6, Exists };

// Views into the record's text.
struct SpfTerm {
  SpfMechanism mechanism = SpfMechanism::All;
  Result qualifier = Result::Pass;    // what a match gives
  std::string_view text = {};         // as it is written, its qualifier included
  std::string_view domain_spec = {};  // empty: the domain whose record it is
  conf::NetPrefix network = {};       // of ip4 and ip6
  std::uint8_t length4 = 32;          // of a and mx: bits that count
  std::uint8_t length6 = 128;
};

struct SpfRecord {
  std::vector<SpfTerm> terms = {};
  std::optional<std::string_view> redirect = {};     // a domain-spec
  std::optional<std::string_view> explanation = {};  // a domain-spec: exp=
};

// RFC 7208 4.5: a text record that is an SPF record, whatever else is wrong with it.
bool is_spf_record(std::string_view text);

// `text` is an SPF record and stays where it is. The error is a phrase for people.
std::expected<SpfRecord, std::string> parse_spf_record(std::string_view text);

}  // namespace ringpost::auth
