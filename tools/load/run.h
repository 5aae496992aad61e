// A run: the threads of a source or of a sink, from start to the summed report.
// Stops early at SIGINT and SIGTERM. Fails when a thread cannot be set up.
#pragma once

#include <expected>

#include "proto/base/fault.h"
#include "tools/load/options.h"
#include "tools/load/statistics.h"

namespace ringpost::load {

std::expected<Report, Fault> run(const Options& options);

}  // namespace ringpost::load
