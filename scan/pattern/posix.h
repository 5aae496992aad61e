// Extended regular expressions of POSIX, as tables of smtpd.conf hold them, for Hyperscan: case
// counts unless the expression begins with (?i), and a match may begin anywhere. What Hyperscan
// cannot do in linear time (back-references, looking ahead or behind) is refused with a reason: no
// text that a peer chose can make a lookup slow.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scan/pattern/database.h"

namespace ringpost::scan {

// The same expression in Hyperscan's syntax. The error is for the operator.
std::expected<Pattern, std::string> translate_posix(std::string_view expression);

// All errors, with their place in the list. An empty list is an error too.
std::expected<Database, std::vector<PatternError>> compile_posix(
    std::span<const std::string_view> expressions);

}  // namespace ringpost::scan
