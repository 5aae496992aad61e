// What ringpostd does once its command line is understood.
#pragma once

#include "tools/ringpostd/command_line.h"

namespace ringpost::tools {

// Returns the exit status.
int run_daemon(const DaemonOptions& options);

}  // namespace ringpost::tools
