// `ringpostctl psl`: the registrable domain of each line, by the public suffix list of this
// machine. Needs no daemon.
#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

// One answer a line, in order, at once: the domain or `null`. No words are taken. The exit status.
int run_psl(std::span<const std::string> words, std::FILE* in, const Output& output);

}  // namespace ringpost::ctl
