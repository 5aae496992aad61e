// spool ls, cat, verify and export: the spool's format read without the daemon. Nothing is written
// below the spool; each gives the program's exit status.
#pragma once

#include "proto/base/clock.h"
#include "tools/ringpostctl/command.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

// `invocation` is one of the Spool verbs or ShowMessage.
int run_spool_command(const Invocation& invocation, WallTime now, const Output& output);

}  // namespace ringpost::ctl
