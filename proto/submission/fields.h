// Header fields that a submission server completes or makes (RFC 6409 8, RFC 5322 3.6), whoever
// hands the message in. Cannot fail: a list of addresses that is not understood stays as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/clock.h"

namespace ringpost::submission {

// Whether the field holds addresses that must have domains: From, To, Resent-Cc and their like.
bool has_addresses(std::string_view name);

// The body of such a field, perhaps folded, where every address without a domain has got that of
// `host`. Lines that grow beyond 900 octets by it are folded.
std::string with_domains(std::string_view body, std::string_view host);

// The body of a From field with `author` in the place of every address; display names stay. A list
// that is not understood is replaced as a whole.
std::string with_author(std::string_view body, std::string_view author);

// Whole fields with their CRLF. `unique` is never the same twice at the same `now`.
void append_date_field(std::string& target, WallTime now, int zone_minutes);
void append_message_id_field(std::string& target, WallTime now, std::uint64_t unique,
                             std::string_view host);

}  // namespace ringpost::submission
