// The name of this machine, as the daemon calls itself unless the configuration says otherwise, and
// as addresses without a domain are completed. Cannot fail: without a usable name it is localhost.
#pragma once

#include <string>

namespace ringpost::mta {

// In lower case.
std::string host_name();

}  // namespace ringpost::mta
