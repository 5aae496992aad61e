// .forward and included files, read by an agent with its user's rights.
#pragma once

#include "engine/process/agent.h"

namespace ringpost::process {

// Permanent: the file is not safe to follow (the text says why). Temporary: the home is sticky,
// which its owner uses to say that it is being changed, or reading failed. A .forward that is a
// link is judged by the home and by where it leads; root's must be none.
AgentReply read_forward(const ForwardOrder& order, uid_t user);
AgentReply read_included(const FileOrder& order, uid_t user);

}  // namespace ringpost::process
