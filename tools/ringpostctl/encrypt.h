// `ringpostctl encrypt`: what a table of credentials keeps of passwords. Needs no daemon.
#pragma once

#include <cstdio>
#include <span>
#include <string>

namespace ringpost::ctl {

// `words` behind the command: perhaps --scram, perhaps a password; without one, each line of `in`
// is one. A hash of crypt(3), of the system's preferred kind, or keys of SCRAM for each, on a line
// of its own. The exit status: 64 when the words are wrong, 65 for what can be no password.
int run_encrypt(std::span<const std::string> words, std::FILE* in, std::FILE* out,
                std::FILE* errors);

}  // namespace ringpost::ctl
