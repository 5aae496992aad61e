// DkimKey: what a key record says: RFC 6376 3.6.1, RFC 8463. A name may have several
// of them. What breaks the rules is a sentence.
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

// Why a signature has no key: TempError or PermError, in static text.
struct KeyProblem {
  Result result = Result::PermError;
  std::string_view reason;
};
// The records of a signature's key, the strings of each joined; of the first key_records_max those
// that are not too long. Nothing: waits for the DNS.
std::optional<std::expected<std::vector<std::string>, KeyProblem>> find_key_records(
    const DkimSignature& signature, DnsMemo& dns);

// Why a key is not for this signature, in static text; nothing: it is.
std::optional<std::string_view> misfit_of(const DkimKey& key, const DkimSignature& signature);

}  // namespace ringpost::auth
