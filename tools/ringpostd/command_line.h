// The command line of ringpostd: read into a value, without side effects. Bad input is a sentence
// that names the option.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ringpost::tools {

// --explain FROM RCPT, and what it supposes about the client.
struct ExplainOptions {
  std::string sender, recipient;
  std::string client;           // --client IP; empty: a program on this machine
  std::string user, tag, helo;  // --auth USER, --tag TAG, --helo NAME
  std::string client_name;      // --rdns NAME
};

struct DaemonOptions {
  bool foreground = false;                                  // -d
  bool check_only = false;                                  // -n
  bool verbose = false;                                     // -v, or -T smtp and -T all
  bool help = false;                                        // -h
  std::string config_file;                                  // -f; empty: the home's
  std::string home;                                         // --home; empty: the system's paths
  std::string resolver;                                     // -R ADDR:PORT
  std::vector<std::pair<std::string, std::string>> macros;  // -D name=value
  std::optional<ExplainOptions> explain;                    // only with -n
};

// `arguments` without the program's name; `home_variable` is RINGPOST_HOME or empty.
std::expected<DaemonOptions, std::string> parse_daemon_options(
    std::span<const char* const> arguments, std::string_view home_variable);

extern const std::string_view daemon_usage;

}  // namespace ringpost::tools
