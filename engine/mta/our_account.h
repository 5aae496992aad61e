// The account of the engine: as whom the commands, files and lists of the system's own aliases are
// run, written and read.
#pragma once

#include "proto/conf/table.h"

namespace ringpost::mta {

// Looked up once; where the account has no entry its number is its name, and its home the root.
const conf::UserInfo& our_account();

}  // namespace ringpost::mta
