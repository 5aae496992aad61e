// DkimKey: what a key record says: RFC 6376 3.6.1, RFC 8463. Fetched by dkim_keys(), which knows
// that a name may have several of them. What breaks the rules is a sentence.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/auth_result.h"
#include "proto/auth/dkim_signature.h"
#include "proto/auth/dns_memo.h"

namespace ringpost::auth {

// Records of one name that are tried; what is behind them is passed over.
inline constexpr std::size_t key_records_max = 4;
// Of one record: an RSA key of 4096 bits takes less than 1 KiB.
inline constexpr std::size_t key_record_octets_max = 8192;

struct DkimKey {
  Algorithm algorithm = Algorithm::RsaSha256;
  std::string octets = {};      // p=, decoded
  bool is_testing = false;      // t=y
  bool identity_exact = false;  // t=s: the domain of i= must be d=
};

// `record`: the strings of a TXT record, joined. The error is static text.
std::expected<DkimKey, std::string_view> parse_key_record(std::string_view record);

// What a signature's keys are, or why there is none: TempError or PermError and its reason.
struct KeyProblem {
  Result result = Result::PermError;
  std::string_view reason;
};
using Keys = std::expected<std::vector<DkimKey>, KeyProblem>;
// Nothing: waits for the DNS. Of several records those that cannot be read, or are for another
// algorithm, are left out; at least one is given.
std::optional<Keys> find_keys(const DkimSignature& signature, DnsMemo& dns);

}  // namespace ringpost::auth
