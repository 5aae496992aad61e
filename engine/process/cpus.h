// Cpus: the processors that this process may use, and a thread that keeps to one of them. Failure
// leaves the choice to the kernel, as it was.
#pragma once

#include <vector>

namespace ringpost::process {

// In ascending order; empty when the kernel does not say (more than 1,024 of them).
std::vector<unsigned> allowed_cpus();

// The calling thread runs on `cpu` alone from now on; threads that it starts inherit that. False:
// the kernel refused.
[[nodiscard]] bool keep_to_cpu(unsigned cpu);

}  // namespace ringpost::process
