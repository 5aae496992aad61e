// The files of a configuration, read by a process of the parent's that is root if the daemon was
// started so, and handed to an engine that may not read them any more. The engine parses them: the
// other process looks into them only to find which files they name, and what of them the parent
// may do for the engine.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/mta/generation_loader.h"
#include "engine/process/parent_link.h"
#include "engine/process/permissions.h"

namespace ringpost::mta {

// What there is of each file that the configuration names, or why it cannot be read.
using ConfigurationBundle = std::map<std::string, std::expected<std::string, Fault>>;

// In the process of the parent: reads everything and writes it to `texts`, and what it permits to
// `permissions`; both are closed. False: they cannot be written.
bool write_configuration(const LoadWish& wish, int texts, int permissions);
process::Permissions permissions_of(const conf::Config& config);

// What was written to `texts`, which stays the caller's.
std::expected<ConfigurationBundle, Fault> read_bundle(int texts);
// What `pki` and `ca` lines name is not in the bundle any more, and so read as it is now.
void forget_certificates(ConfigurationBundle& bundle, const LoadWish& wish);
// In the engine; blocks until the other process has read it. A Fault: that could not be had, or
// ended early.
std::expected<ConfigurationBundle, Fault> fetch_configuration(process::ParentLink& parent);
// Files of the bundle are read from it, others as they are.
std::function<std::expected<std::string, Fault>(const std::string&)> reader_of(
    ConfigurationBundle bundle);

}  // namespace ringpost::mta
