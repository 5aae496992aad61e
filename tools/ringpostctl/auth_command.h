// `ringpostctl auth`: says of a message what SPF, DKIM, DMARC and ARC say, as JSON or as the field
// that the daemon would write. Needs no daemon.
#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "proto/base/clock.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

// `words` behind the command; one message on `in`, or with --batch one JSON object a line, each
// answered before the next one is read. The exit status; a line that is wrong is answered with an
// "error" and changes nothing else.
int run_auth(std::span<const std::string> words, std::FILE* in, WallTime now, const Output& output);

}  // namespace ringpost::ctl
