// The name of a person on its way into an address field: as it is, quoted (RFC 5322 3.2.5), or as
// encoded words (RFC 2047 2). Cannot fail: controls are left out, what is no UTF-8 becomes '?', and
// long names are cut.
#pragma once

#include <string>
#include <string_view>

namespace ringpost::submission {

std::string phrase(std::string_view name);

}  // namespace ringpost::submission
