// Appending a message to a file of many, the mbox form: locked against everybody who reads or
// writes it, and put back as it was when the message does not get in whole.
#pragma once

#include "engine/process/agent.h"
#include "engine/process/content.h"

namespace ringpost::process {

// Locks, as mail.local and Debian's readers expect: a file PATH.lock where the folder lets us make
// one, fcntl(2) and flock(2). Lines that begin with "From " get a '>' before them; a blank line
// ends the message, and what was there before when it had none. Temporary: locked for too long, no
// regular file of `owner` alone, or a write failed.
AgentReply append_to_mailbox(const std::string& path, const std::string& from_line, uid_t owner,
                             Content& content);

// Makes the mailbox of a user in mail_folder when it is missing, for a process that may: root.
std::expected<void, Fault> make_mailbox(const std::string& folder, const AgentUser& user);
// The group whose members may write in mail_folder; 0: nobody's but root's.
gid_t group_of_folder(const std::string& folder);

}  // namespace ringpost::process
