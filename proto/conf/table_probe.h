// The keys under which an external table with exact keys (LMDB) may hold the answer to a question,
// in the order in which they are to be tried; the first that is there decides. They are the rules
// of Table's matches_… put the other way round, for tables that cannot be walked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/lookups.h"

namespace ringpost::conf {

// `key` is that of a TableQuestion, lower case. Never more than some hundreds of keys.
//   Domain         mx.example.org, *.example.org, *.org, *
//   MailAddress    @, @ and the domain's keys; user, user@ and the domain's keys; the same without
//                  the sub-address; an empty key (the null reverse-path) only @
//   NetAddress     the address, then its prefixes from the longest, also with IPv6 in brackets
//   all others     the key itself
std::vector<std::string> probe_keys(TableService service, std::string_view key, char delimiter);

}  // namespace ringpost::conf
