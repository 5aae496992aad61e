// The files of a configuration, read by a process of the parent's that is root if the daemon was
// started so, and handed to an engine that may not read them any more. The engine parses them: the
// other process looks into them only to find which files they name.
#pragma once

#include <map>
#include <string>

#include "engine/mta/generation_loader.h"
#include "engine/process/parent_link.h"

namespace ringpost::mta {

// What there is of each file that the configuration names, or why it cannot be read.
using ConfigurationBundle = std::map<std::string, std::expected<std::string, Fault>>;

// In the process of the parent: reads everything and writes it to `socket`. False: nobody took it.
bool send_configuration(const LoadWish& wish, int socket);

// In the engine; blocks, at most for a minute. A Fault: the other process could not be had, or
// ended early.
std::expected<ConfigurationBundle, Fault> fetch_configuration(process::ParentLink& parent);

}  // namespace ringpost::mta
