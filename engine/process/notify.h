// What the service manager is told, when there is one (sd_notify(3), without its library).
#pragma once

#include <string>
#include <string_view>

namespace ringpost::process {

// `state` as sd_notify(3) has it: "READY=1", lines of it. To NOTIFY_SOCKET of the environment;
// nothing without it, and no word of a failure: there is nobody to tell.
void notify_service_manager(std::string_view state);

// How many sockets were passed to this process (LISTEN_FDS, LISTEN_PID), from descriptor 3 on.
int passed_sockets();

// What somebody should look at soon: one line on stderr and in the system's log.
void tell_operator(const std::string& text);

}  // namespace ringpost::process
