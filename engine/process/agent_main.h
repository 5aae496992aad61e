// The life of an agent: becomes its user, then serves orders, one after the other, until the engine
// closes the socket. What it cannot do because it could not become that user, or because the order
// is not one for it, it says in its replies.
#pragma once

#include "engine/process/agent.h"

namespace ringpost::process {

// In a process of its own, made by fork, that has nothing open that it must not keep but `socket`
// and the standard descriptors. Returns when the engine is gone; the process is to end then.
void serve_as_agent(int socket, const AgentUser& user);

}  // namespace ringpost::process
