// Octets both ways between standard input and output and the daemon's local socket: SMTP as it is,
// for programs that speak it to a child (sendmail -bs).
#pragma once

#include <expected>

#include "proto/base/fault.h"

namespace ringpost::ctl {

// Until the daemon closes. The end of `in` is passed on. Does not own the descriptors.
std::expected<void, Fault> pump_smtp(int in, int out, int daemon);

}  // namespace ringpost::ctl
