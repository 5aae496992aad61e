// A Maildir delivery by an agent: the same steps as mta::MaildirWriter's, by blocking calls with
// the user's own rights.
#pragma once

#include "engine/process/agent.h"
#include "engine/process/content.h"

namespace ringpost::process {

// On a failure nothing of the message remains. Done: the text is the folder that was taken.
AgentReply deliver_maildir(const MaildirOrder& order, Content& content);

}  // namespace ringpost::process
