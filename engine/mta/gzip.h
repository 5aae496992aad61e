// gzip (RFC 1952) in one piece. Blocking work of the processor, for threads that are no core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringpost::mta {

// Nothing: no memory, or more than 1 GiB.
std::optional<std::string> gzip(std::string_view octets);

}  // namespace ringpost::mta
