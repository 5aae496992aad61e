// `ringpostctl makemap`: a table file becomes an LMDB file for `lmdb:` tables, whole or not at all:
// it is made beside the target, synced, and takes its place by a rename.
#pragma once

#include <span>
#include <string>

#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

extern const std::string_view make_map_usage;

// `words` behind "makemap": [-t aliases|userinfo|plain] [-o FILE] SOURCE. Returns the exit status.
int make_map(std::span<const std::string> words, const Output& output);

}  // namespace ringpost::ctl
