// `ringpostctl dns print|check`: the records that hosted domains need, as lines of a zone file, and
// what is wrong with those that are published. Needs no daemon.
#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

// `words` behind "dns"; domains may come from `in`, one a line. The exit status: 1 when something
// is wrong with a domain.
int run_dns(std::span<const std::string> words, std::FILE* in, const Output& output);

}  // namespace ringpost::ctl
