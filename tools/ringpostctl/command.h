// The command line of ringpostctl: words may be shortened as long as they are clear.
// A wrong command line gives a sentence that says what was expected; nothing else happens then.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::ctl {

enum class Verb {
  ShowQueue,
  ShowMessage,
  ShowEnvelope,
  ShowStats,
  ShowDestinations,
  ShowHosts,
  ShowRoutes,
  Why,
  Schedule,
  Remove,
  Bounce,
  Hold,
  Release,
  Reroute,
  Pause,
  Resume,
  Log,
  Reload,
  UpdateTable,
  Discover,
  ShowDmarc,
  SendDmarc,
  Stop,
  SpoolList,
  SpoolCat,
  SpoolVerify,
  SpoolExport,
  Explain,
  Trace,
  Untrace,
};

struct Invocation {
  Verb verb = Verb::ShowQueue;
  std::string command;                 // the words in full, as the daemon knows them: "show queue"
  std::vector<std::string> arguments;  // checked: ids, keywords in full, a folder
  bool json = false;
  bool help = false;
  std::string socket_path;
  std::string spool_path;
};

// `words` without the program's name; `home` is RINGPOST_HOME or empty. --home wins over it.
std::expected<Invocation, std::string> parse_command_line(std::span<const std::string> words,
                                                          std::string_view home);

// Several lines: options and commands.
std::string usage();

}  // namespace ringpost::ctl
