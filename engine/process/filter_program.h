// A filter process as smtpd.conf has it, how its command becomes a program and its arguments, and
// how it is written in requests and permissions.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/process/frame_fields.h"

namespace ringpost::process {

struct FilterProgram {
  std::string name;
  std::string command;
  std::string user;    // whom it becomes when the parent is root
  std::string group;   // empty: that of the user
  std::string chroot;  // empty: none; else absolute
  auto operator<=>(const FilterProgram&) const = default;
};

void put_program(StringSink& sink, const FilterProgram& program);
FilterProgram take_filter_program(FieldReader& in);

// The program's absolute path and its arguments. A command in which nothing means anything to a
// shell but blanks and quotes is run as it is; another by `/bin/sh -c "exec COMMAND"`, as upstream
// runs all of them. A first word without '/' at its start is looked for in the folders of filters,
// below `root` when that is not empty; the path is as seen from there. The error is a sentence for
// the operator.
std::expected<std::vector<std::string>, std::string> filter_words(std::string_view command,
                                                                  const std::string& root);

}  // namespace ringpost::process
