// Running a delivery's command: the message on its standard input, its exit status as the outcome
// (sysexits: 0 done, 71 and 75 try again, anything else never), the first of what it prints as the
// reason.
#pragma once

#include "engine/process/agent.h"
#include "engine/process/content.h"

namespace ringpost::process {

// Temporary as well: it was ended by a signal, ran longer than order.seconds_max (then its session
// is killed), or could not be started. When the engine goes away meanwhile it is killed too, since
// nobody could record what it did, and when this process is killed the shell goes with it.
AgentReply run_command(const CommandOrder& order, Content& content);

}  // namespace ringpost::process
