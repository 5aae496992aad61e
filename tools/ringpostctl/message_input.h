// A message from a file or a pipe, as a person or a script has it: lines may end with LF. RFC 6376
// 5.3: for signatures every line ends with CRLF.
#pragma once

#include <cstdio>
#include <expected>
#include <string>
#include <string_view>

#include "proto/base/fault.h"

namespace ringpost::ctl {

// To the end of `in`; EFBIG for more than 1 GiB.
std::expected<std::string, Fault> read_message(std::FILE* in);

// Every LF that no CR stands before becomes CRLF.
std::string with_crlf(std::string_view message);

// Whether the first line ends with CRLF, or there is no line at all.
bool has_crlf(std::string_view message);

}  // namespace ringpost::ctl
