// `ringpostctl arc-seal`: puts a set of ARC fields on top of a message: RFC 8617 5.1. Needs no
// daemon.
#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "proto/base/clock.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

extern const std::string_view arc_seal_usage;

// `words` behind the command; the message comes from `in`. The exit status; 75 when the DNS cannot
// say whether the chain is sound, and nothing was written.
int run_arc_seal(std::span<const std::string> words, std::FILE* in, WallTime now,
                 const Output& output);

}  // namespace ringpost::ctl
