// The offline folder, where programs leave mail while no daemon answers. Every user may add a file
// and nobody but the daemon can list them; a file can be read by its owner and the daemon's group.
// Blocking.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "proto/base/fault.h"
#include "proto/submission/offline_file.h"

namespace ringpost::mta {

inline constexpr std::string_view offline_prefix = "msg.";
inline constexpr std::string_view offline_unfinished_prefix = "tmp.";

// For the daemon, whose the folder is then.
std::expected<void, Fault> make_offline_folder(const std::string& folder);

// For anybody: writes the message into the folder. Once it succeeded, the message survives a power
// cut. Nothing is left behind when it failed.
std::expected<void, Fault> keep_offline(const std::string& folder,
                                        const submission::OfflineMessage& message);

}  // namespace ringpost::mta
