// ringpostctl without its process: from words to an exit status.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proto/base/clock.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

// `words` without the program's name; `home` is RINGPOST_HOME or empty. Gives 0, 1 (failed) or 2
// (usage).
int run(std::span<const std::string> words, std::string_view home, WallTime now,
        const Output& output);

}  // namespace ringpost::ctl
