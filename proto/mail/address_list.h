// Addresses in a header field or on a command line: RFC 5322 3.4 with the obsolete forms of 4.4:
// display names, comments, groups, routes. An address without a domain is listed as it is: who
// reads a list of this machine qualifies it. Whether an address is one that SMTP can carry is for
// the caller to check.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::mail {

struct ListedAddress {
  std::string spec;     // local@domain, or a local part alone; comments, blanks and brackets gone
  bool is_bare = true;  // no '@' in it
  // Where it stands in the text: within angle brackets all that is there, with route and comments,
  // begins here, and a missing domain can be put at the end.
  std::size_t begin = 0, end = 0;
};

struct AddressList {
  std::vector<ListedAddress> addresses;
  bool malformed = false;  // something in it is no address; `addresses` are those before it
};

// `text` may be folded. An empty pair of angle brackets gives an empty `spec`.
AddressList parse_address_list(std::string_view text);

}  // namespace ringpost::mail
