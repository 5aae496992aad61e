// What a daemon that root has started does before it serves: hands over what the engine writes to,
// and becomes the engine's user for good.
#pragma once

#include <expected>
#include <string>

#include "engine/mta/home.h"
#include "proto/conf/config.h"

namespace ringpost::mta {

// In the engine's process, single-threaded still; nothing is done unless it is root. The run and
// spool folders are made and given to `engine user`, as is the log file. The error is a sentence
// for the operator.
std::expected<void, std::string> become_engine_user(const Home& home, const conf::Config& config);

// After that, and whoever started us: nothing can be executed, and written only where the engine
// has something to write: its folders, its log, and the folders of Maildirs that stand in the
// configuration. False: the kernel cannot do that (no Landlock).
std::expected<bool, std::string> confine_engine(const Home& home, const conf::Config& config);

}  // namespace ringpost::mta
