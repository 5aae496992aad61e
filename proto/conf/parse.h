// smtpd.conf(5): text to a checked Config. The whole grammar is recognised and kept; what has no
// behaviour yet is a diagnostic of the severity Unsupported that names it. Opens nothing itself:
// included files and table files come through `read_file`. Recovers at the end of each directive,
// so that one run reports every mistake.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/base/fault.h"
#include "proto/conf/config.h"
#include "proto/conf/diagnostic.h"

namespace ringpost::conf {

// The text of the file at an absolute path, whole.
using FileReader =
    std::move_only_function<std::expected<std::string, Fault>(const std::string& path)>;

// What is wrong with one of several patterns.
struct PatternError {
  std::size_t index = 0;
  std::string text;
};
// Judges all patterns of a table that serves a `regex` test. Without one none is judged.
using PatternCheck =
    std::move_only_function<std::vector<PatternError>(std::span<const std::string_view>)>;

// The program that answers for the tables of a backend that is not built in ("sqlite" of
// "sqlite:/path"), as an absolute path; nothing when there is none. Without such a function every
// name is taken for a program "table-NAME", to be found later.
using TableProgram = std::move_only_function<std::optional<std::string>(std::string_view backend)>;

// A table that was read before and is to stay as it is; nullptr: it is read. Given for tables of
// files and databases, by name and path; it is copied.
using TableKeeper =
    std::move_only_function<const Table*(std::string_view name, std::string_view path)>;

// The TCP port of a service that is not among the few built in; services(5).
using ServiceLookup = std::move_only_function<std::optional<std::uint16_t>(std::string_view name)>;

inline constexpr unsigned include_depth_max = 16;
inline constexpr std::size_t diagnostics_max = 1000;  // then one more says that there are others

struct ParseInput {
  std::string path;         // of the main file, as it shall stand in diagnostics
  std::string text;         // of the main file
  std::string server_name;  // this machine's name, for listeners without `hostname` and `for local`
  // From -D; the file cannot change these.
  std::vector<std::pair<std::string, std::string>> macros = {};
  PatternCheck check_patterns = {};
  TableProgram find_table_program = {};
  ServiceLookup find_service = {};
  TableKeeper keep_table = {};
};

struct ParseResult {
  std::optional<Config> config;  // present exactly when there is no error
  std::vector<Diagnostic> diagnostics;
  // What `pki` and `ca` lines that could be read name, also where other lines are wrong.
  std::vector<std::string> certificate_paths;
};

ParseResult parse(ParseInput input, FileReader& read_file);

}  // namespace ringpost::conf
