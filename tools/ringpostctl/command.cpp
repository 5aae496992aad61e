// One table of commands; prefixes are resolved word by word against it.
#include "tools/ringpostctl/command.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "proto/base/queue_id.h"
#include "proto/control/selection.h"
#include "store/decision/token.h"
#include "tools/ringpostctl/arc_seal.h"
#include "tools/ringpostctl/dkim_commands.h"
#include "tools/ringpostctl/make_map.h"

namespace ringpost::ctl {
namespace {

enum class Takes {
  Nothing,
  OneId,
  OneNamed,
  MaybeSelection,
  Selection,
  Reroute,
  Paused,
  MaybePaused,
  LogWord,
  Name,
  Folder,
  Decision,
  Subsystem
};

struct CommandEntry {
  Verb verb;
  std::string_view first;
  std::string_view second;  // empty: one word
  Takes takes;
  std::string_view synopsis;
  std::string_view meaning;
};

constexpr std::array<CommandEntry, 30> commands{{
    {Verb::ShowQueue, "show", "queue", Takes::MaybeSelection, "show queue [WHICH]",
     "recipients that wait"},
    {Verb::ShowMessage, "show", "message", Takes::OneId, "show message ID", "content as stored"},
    {Verb::ShowEnvelope, "show", "envelope", Takes::OneId, "show envelope ID",
     "sender, recipients, progress"},
    {Verb::ShowStats, "show", "stats", Takes::Nothing, "show stats", "figures of all cores"},
    {Verb::ShowDestinations, "show", "destinations", Takes::MaybeSelection,
     "show destinations [WHICH]", "servers that mail waits for"},
    {Verb::ShowHosts, "show", "hosts", Takes::Nothing, "show hosts", "servers with a connection"},
    {Verb::ShowRoutes, "show", "routes", Takes::Name, "show routes DOMAIN",
     "where each action sends its mail now"},
    {Verb::Why, "why", "", Takes::OneNamed, "why ID[.N]", "what a recipient waits for"},
    {Verb::Schedule, "schedule", "", Takes::Selection, "schedule WHICH", "try again now"},
    {Verb::Remove, "remove", "", Takes::Selection, "remove WHICH", "delete from the queue"},
    {Verb::Bounce, "bounce", "", Takes::Selection, "bounce WHICH", "return to the sender"},
    {Verb::Hold, "hold", "", Takes::Selection, "hold WHICH", "no attempts until it is released"},
    {Verb::Release, "release", "", Takes::Selection, "release WHICH", "the opposite, try it now"},
    {Verb::Reroute, "reroute", "", Takes::Reroute, "reroute WHICH|for DOMAIN to HOST",
     "relay to another host"},
    {Verb::Pause, "pause", "", Takes::MaybePaused, "pause [mda|mta|mta for DOMAIN|smtp]",
     "stop deliveries or new mail; alone: list"},
    {Verb::Resume, "resume", "", Takes::Paused, "resume mda|mta|mta for DOMAIN|smtp",
     "the opposite"},
    {Verb::Log, "log", "", Takes::LogWord, "log brief|verbose|reopen",
     "what is logged; open the file anew"},
    {Verb::Explain, "explain", "", Takes::Decision, "explain ID|TOKEN",
     "why a message was accepted or refused"},
    {Verb::Trace, "trace", "", Takes::Subsystem, "trace SUBSYSTEM", "log each step of it"},
    {Verb::Untrace, "untrace", "", Takes::Subsystem, "untrace SUBSYSTEM", "the opposite"},
    {Verb::Reload, "reload", "", Takes::Nothing, "reload", "use the configuration as it is now"},
    {Verb::UpdateTable, "update", "table", Takes::Name, "update table NAME", "read one table anew"},
    {Verb::ShowDmarc, "show", "dmarc", Takes::Nothing, "show dmarc",
     "what the next DMARC reports are made of"},
    {Verb::SendDmarc, "send", "dmarc", Takes::Nothing, "send dmarc",
     "send DMARC reports now, about all that is gathered"},
    {Verb::Discover, "discover", "", Takes::Nothing, "discover", "take in offline mail now"},
    {Verb::Stop, "stop", "", Takes::Nothing, "stop", "finish what is under way, then end"},
    {Verb::SpoolList, "spool", "ls", Takes::Nothing, "spool ls",
     "live messages, without the daemon"},
    {Verb::SpoolCat, "spool", "cat", Takes::OneId, "spool cat ID", "content, octet for octet"},
    {Verb::SpoolVerify, "spool", "verify", Takes::Nothing, "spool verify",
     "check every segment and content"},
    {Verb::SpoolExport, "spool", "export", Takes::Folder, "spool export DIR",
     "one ID.eml and ID.json per message"},
}};

constexpr std::array<std::string_view, 3> pausable{"mda", "mta", "smtp"};
// Those of smtpctl(8).
constexpr std::array<std::string_view, 13> traceable{
    "imsg",   "io",     "smtp", "filters", "mta",   "bounce", "scheduler",
    "expand", "lookup", "stat", "rules",   "mproc", "all"};
constexpr std::array<std::string_view, 3> log_words{"brief", "verbose", "reopen"};

using Words = std::vector<std::string_view>;

bool contains(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// The one word of `known` that `given` is, or begins.
std::expected<std::string_view, std::string> resolve(std::string_view given,
                                                     std::span<const std::string_view> known) {
  Words matching;
  for (const std::string_view word : known) {
    if (word == given) return word;
    if (word.starts_with(given) && !contains(matching, word)) matching.push_back(word);
  }
  if (matching.size() == 1 && !given.empty()) return matching.front();
  if (matching.size() > 1 && !given.empty()) {
    return std::unexpected(
        fmt::format("\"{}\" is ambiguous: {}", given, fmt::join(matching, ", ")));
  }
  Words offered;
  for (const std::string_view word : known) {
    if (!contains(offered, word)) offered.push_back(word);
  }
  return std::unexpected(
      fmt::format("unknown word \"{}\"; expected one of: {}", given, fmt::join(offered, ", ")));
}

Words second_words(std::string_view first) {
  Words words;
  for (const CommandEntry& entry : commands) {
    if (entry.first == first && !entry.second.empty()) words.push_back(entry.second);
  }
  return words;
}

// Takes one or two words off the front of `words`.
std::expected<const CommandEntry*, std::string> find_command(std::span<const std::string>& words) {
  if (words.empty()) return std::unexpected("no command given");
  Words firsts;
  for (const CommandEntry& entry : commands) firsts.push_back(entry.first);
  const auto first = resolve(words[0], firsts);
  if (!first) return std::unexpected(first.error());
  words = words.subspan(1);
  const Words seconds = second_words(*first);
  std::string_view second;
  if (!seconds.empty()) {
    if (words.empty()) {
      return std::unexpected(fmt::format("{} what? One of: {}", *first, fmt::join(seconds, ", ")));
    }
    const auto resolved = resolve(words[0], seconds);
    if (!resolved) return std::unexpected(resolved.error());
    second = *resolved;
    words = words.subspan(1);
  }
  return std::ranges::find_if(commands, [&](const CommandEntry& entry) {
    return entry.first == *first && entry.second == second;
  });
}

std::optional<std::string> complaint_about_ids(std::span<const std::string> words) {
  for (const std::string& word : words) {
    if (!parse_queue_id(word)) {
      return fmt::format("\"{}\" is not a message id (16 hex digits)", word);
    }
  }
  return std::nullopt;
}

std::expected<std::vector<std::string>, std::string> keyword(
    std::span<const std::string> words, std::span<const std::string_view> known) {
  const auto word = resolve(words[0], known);
  if (!word) return std::unexpected(word.error());
  return std::vector<std::string>{std::string(*word)};
}

// "mda", or "mta for DOMAIN".
std::expected<std::vector<std::string>, std::string> pausable_words(
    const CommandEntry& entry, std::span<const std::string> words) {
  if (words.empty()) return std::vector<std::string>{};
  auto arguments = keyword(words, pausable);
  if (!arguments || words.size() == 1) return arguments;
  if (words.size() != 3 || arguments->front() != "mta" || words[1] != "for")
    return std::unexpected(fmt::format("expected: {}", entry.synopsis));
  arguments->insert(arguments->end(), {words[1], words[2]});
  return arguments;
}

// How many arguments each kind takes.
constexpr std::pair<std::size_t, std::size_t> counts(Takes takes) {
  constexpr std::size_t many = 1000;
  switch (takes) {
    case Takes::Nothing:
      return {0, 0};
    case Takes::Selection:
    case Takes::MaybeSelection:
    case Takes::Reroute:
      return {0, many};
    case Takes::MaybePaused:
      return {0, 3};
    case Takes::Paused:
      return {1, 3};
    case Takes::OneId:
    case Takes::OneNamed:
    case Takes::LogWord:
    case Takes::Name:
    case Takes::Folder:
    case Takes::Decision:
    case Takes::Subsystem:
      return {1, 1};
  }
  return {0, 0};
}

std::expected<std::vector<std::string>, std::string> check_arguments(
    const CommandEntry& entry, std::span<const std::string> words) {
  const auto [least, most] = counts(entry.takes);
  if (words.size() < least || words.size() > most) {
    return std::unexpected(fmt::format("expected: {}", entry.synopsis));
  }
  std::vector<std::string> arguments(words.begin(), words.end());
  switch (entry.takes) {
    case Takes::OneNamed:
      if (control::parse_named(words[0])) return arguments;
      return std::unexpected(
          fmt::format("\"{}\" is not a queue id (16 hex digits, or ID.N)", words[0]));
    case Takes::OneId:
      if (auto complaint = complaint_about_ids(words)) return std::unexpected(*complaint);
      return arguments;
    case Takes::Reroute: {
      const auto reroute = control::split_reroute(words);
      if (!reroute) return std::unexpected(reroute.error());
      const auto selection = control::parse_selection(reroute->which, false);
      if (!selection) return std::unexpected(selection.error());
      return arguments;
    }
    case Takes::Selection:
    case Takes::MaybeSelection: {
      const auto selection = control::parse_selection(words, entry.takes != Takes::Selection);
      if (!selection) return std::unexpected(selection.error());
      return arguments;
    }
    case Takes::Paused:
    case Takes::MaybePaused:
      return pausable_words(entry, words);
    case Takes::LogWord:
      return keyword(words, log_words);
    case Takes::Subsystem:
      return keyword(words, traceable);
    case Takes::Decision:
      if (parse_queue_id(words[0]) || store::parse_token(words[0])) return arguments;
      return std::unexpected(fmt::format(
          "\"{}\" is neither an id (16 hex digits) nor a token (8 letters and digits)", words[0]));
    case Takes::Nothing:
    case Takes::Name:
    case Takes::Folder:
      return arguments;
  }
  return arguments;
}

struct Options {
  std::optional<std::string> home;
  std::optional<std::string> spool;
  bool json = false;
  bool help = false;
  std::vector<std::string> words;
};

// Options may stand anywhere; "--" ends them.
std::expected<Options, std::string> split(std::span<const std::string> given) {
  Options options;
  bool ended = false;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string& word = given[i];
    const auto value = [&](std::string_view name, std::optional<std::string>& target) {
      if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=') {
        target = word.substr(name.size() + 1);
        return true;
      }
      if (word != name || i + 1 == given.size()) return false;
      target = given[++i];
      return true;
    };
    if (ended || !word.starts_with('-')) {
      options.words.push_back(word);
    } else if (word == "--") {
      ended = true;
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (!value("--home", options.home) && !value("--spool", options.spool)) {
      const bool lacks_value = word == "--home" || word == "--spool";
      return std::unexpected(lacks_value ? fmt::format("{} needs a folder", word)
                                         : fmt::format("unknown option {}", word));
    }
  }
  return options;
}

}  // namespace

std::expected<Invocation, std::string> parse_command_line(std::span<const std::string> words,
                                                          std::string_view home) {
  auto options = split(words);
  if (!options) return std::unexpected(options.error());
  Invocation invocation;
  invocation.json = options->json;
  invocation.help = options->help;
  if (options->home) home = *options->home;
  const bool system = home.empty();
  invocation.socket_path =
      system ? "/run/ringpost/control.sock" : fmt::format("{}/run/control.sock", home);
  invocation.spool_path = system ? "/var/spool/ringpost" : fmt::format("{}/spool", home);
  if (options->spool) invocation.spool_path = *options->spool;
  if (invocation.help) return invocation;

  std::span<const std::string> rest = options->words;
  const auto entry = find_command(rest);
  if (!entry) return std::unexpected(entry.error());
  auto arguments = check_arguments(**entry, rest);
  if (!arguments) return std::unexpected(arguments.error());
  invocation.verb = (*entry)->verb;
  invocation.command = (*entry)->first;
  if (!(*entry)->second.empty()) invocation.command += fmt::format(" {}", (*entry)->second);
  invocation.arguments = std::move(*arguments);
  return invocation;
}

std::string usage() {
  std::string text =
      "usage: ringpostctl [--home DIR] [--spool DIR] [--json] COMMAND ...\n"
      "commands (words may be shortened while they are clear):\n";
  for (const CommandEntry& entry : commands) {
    text += fmt::format("  {:<36} {}\n", entry.synopsis, entry.meaning);
  }
  text +=
      "WHICH: ID[.N]..., or all, or conditions that must all be met: domain NAME, sender ADDRESS,\n"
      "  recipient ADDRESS, older TIME, newer TIME, status WORD, held, limit NUMBER\n";
  text += fmt::format("and without a daemon:\n  {}\n", make_map_usage);
  text += fmt::format("  {}\n{}\n", arc_seal_usage, dkim_usage);
  return text;
}

}  // namespace ringpost::ctl
