// `ringpostctl dkim keygen|sign|show|check`: keys for DKIM and what is done with them by hand. RFC
// 6376, RFC 8463. Needs no daemon.
#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "proto/base/clock.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

extern const std::string_view dkim_usage;

// `words` behind "dkim"; a message to sign comes from `in`. The exit status.
int run_dkim(std::span<const std::string> words, std::FILE* in, WallTime now, const Output& output);

}  // namespace ringpost::ctl
