// Options of ringpostd: see command_line.h.
#include "tools/ringpostd/command_line.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "engine/net/address.h"
#include "proto/base/ascii.h"
#include "proto/conf/net_address.h"

namespace ringpost::tools {
namespace {

bool is_macro_name(std::string_view name) {
  if (name.empty() || ascii::is_digit(name.front())) return false;
  for (const char c : name)
    if (!ascii::is_alnum(c) && c != '_') return false;
  return true;
}

// ADDR:PORT, an IPv6 address in brackets.
bool is_resolver(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = ascii::parse_decimal<std::uint16_t>(text.substr(colon + 1));
  return port && *port != 0 && net::Address::parse(host, *port).has_value();
}

std::expected<void, std::string> take_macro(DaemonOptions& options, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || !is_macro_name(text.substr(0, equals)))
    return std::unexpected(fmt::format("-D takes name=value, not \"{}\"", text));
  options.macros.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  return {};
}

std::expected<void, std::string> take_trace(DaemonOptions& options, std::string_view subsystem) {
  if (subsystem != "smtp" && subsystem != "all")
    return std::unexpected(fmt::format(
        "-T {}: smtp and all can be traced; no other subsystem has a trace yet", subsystem));
  options.verbose = true;
  return {};
}

std::expected<void, std::string> take_value(DaemonOptions& options, char option,
                                            std::string_view value) {
  switch (option) {
    case 'f':
      options.config_file = value;
      return {};
    case 'D':
      return take_macro(options, value);
    case 'T':
      return take_trace(options, value);
    case 'R':
      if (!is_resolver(value))
        return std::unexpected(fmt::format("-R takes ADDR:PORT, not \"{}\"", value));
      options.resolver = value;
      return {};
    default:
      if (value.empty() || !value.starts_with('/'))
        return std::unexpected(fmt::format("--home takes an absolute path, not \"{}\"", value));
      options.home = value;
      return {};
  }
}

bool take_flag(DaemonOptions& options, char flag) {
  switch (flag) {
    case 'd':
      options.foreground = true;
      return true;
    case 'n':
      options.check_only = true;
      return true;
    case 'v':
      options.verbose = true;
      return true;
    case 'h':
      options.help = true;
      return true;
    default:
      return false;
  }
}

// The letters of one word; the value of the last may be the word behind it.
std::expected<void, std::string> take_letters(DaemonOptions& options, std::string_view letters,
                                              std::span<const char* const>& rest) {
  for (; !letters.empty(); letters.remove_prefix(1)) {
    const char option = letters.front();
    if (take_flag(options, option)) continue;
    if (std::string_view("fDTRH").find(option) == std::string_view::npos)
      return std::unexpected(fmt::format("no option -{}", option));
    std::string_view value = letters.substr(1);
    if (value.empty()) {
      if (rest.size() == 1)
        return std::unexpected(
            fmt::format("{} needs a value", option == 'H' ? "--home" : fmt::format("-{}", option)));
      rest = rest.subspan(1);
      value = rest.front();
    }
    return take_value(options, option, value);
  }
  return {};
}

// The values of a long option, which follow it; false when it is not one of these.
std::expected<bool, std::string> take_explain(ExplainOptions& explain, bool& is_asked,
                                              std::span<const char* const>& rest) {
  struct Word {
    std::string_view text;
    std::string ExplainOptions::* value;
  };
  static constexpr Word words[] = {{"--client", &ExplainOptions::client},
                                   {"--auth", &ExplainOptions::user},
                                   {"--tag", &ExplainOptions::tag},
                                   {"--helo", &ExplainOptions::helo},
                                   {"--rdns", &ExplainOptions::client_name}};
  const std::string_view option = rest.front();
  if (option == "--explain") {
    if (rest.size() < 3) return std::unexpected("--explain takes two addresses, FROM and RCPT");
    is_asked = true;
    explain.sender = rest[1];
    explain.recipient = rest[2];
    rest = rest.subspan(2);
    return true;
  }
  const auto word = std::ranges::find(words, option, &Word::text);
  if (word == std::end(words)) return false;
  if (rest.size() < 2) return std::unexpected(fmt::format("{} needs a value", option));
  explain.*word->value = rest[1];
  rest = rest.subspan(1);
  if (option == "--client" && !conf::parse_net_address(explain.client))
    return std::unexpected(fmt::format("--client takes an IP address, not \"{}\"", rest[0]));
  return true;
}

}  // namespace

const std::string_view daemon_usage =
    "usage: ringpostd [-dnv] [-f FILE] [-D name=value] [-T subsystem] [-R ADDR:PORT] [--home DIR]\n"
    "       ringpostd -n [-f FILE] [-D name=value] [--home DIR] --explain FROM RCPT\n"
    "                 [--client IP] [--rdns NAME] [--auth USER] [--tag TAG] [--helo NAME]";

std::expected<DaemonOptions, std::string> parse_daemon_options(
    std::span<const char* const> arguments, std::string_view home_variable) {
  DaemonOptions options;
  if (!home_variable.empty())
    if (auto taken = take_value(options, 'H', home_variable); !taken)
      return std::unexpected("RINGPOST_HOME: " + taken.error());
  ExplainOptions explain;
  bool explains = false;
  for (auto rest = arguments; !rest.empty(); rest = rest.subspan(1)) {
    std::string_view word = rest.front();
    if (word == "--help") word = "-h";
    if (word == "--home") word = "-H";
    if (word.starts_with("--home=")) {
      if (auto taken = take_value(options, 'H', word.substr(7)); !taken)
        return std::unexpected(taken.error());
      continue;
    }
    if (word.starts_with("--")) {
      const auto taken = take_explain(explain, explains, rest);
      if (!taken) return std::unexpected(taken.error());
      if (!*taken) return std::unexpected(fmt::format("no option {}", word));
      continue;
    }
    if (word.size() < 2 || word.front() != '-')
      return std::unexpected(fmt::format("\"{}\" is not an option", word));
    if (auto taken = take_letters(options, word.substr(1), rest); !taken)
      return std::unexpected(taken.error());
  }
  if (explains) options.explain = std::move(explain);
  if (explains && !options.check_only) return std::unexpected("--explain goes with -n");
  return options;
}

}  // namespace ringpost::tools
