// FilterSpec: what makes a filter process the one that it is: over a reload a process goes on when
// nothing of this has changed.
#pragma once

#include <string>
#include <vector>

#include "engine/process/filter_program.h"
#include "proto/base/clock.h"
#include "proto/conf/config.h"

namespace ringpost::mta {

struct FilterSpec {
  process::FilterProgram program;  // its user is that of the engine where smtpd.conf names none
  bool smtp_in = false, smtp_out = false;
  std::string admd;
  Duration session_timeout{};
  bool operator==(const FilterSpec&) const = default;
};

// The processes of `config` that a listener or a relay uses, in the order of the file.
struct UsedFilter {
  const conf::FilterProcess* process;
  FilterSpec spec;
};
std::vector<UsedFilter> used_filters(const conf::Config& config);

// What the operator must mend before the process can run: its command, user, group or folder; as
// far as this process can see. Blocks (name service, disk).
std::vector<std::string> problems_of_filter(const conf::FilterProcess& filter);

}  // namespace ringpost::mta
