// Verb and arguments of a command line: RFC 5321 2.4 (verbs in any case), 4.1.1. Refuses octets
// that no command may hold; what a verb makes of its arguments stands in verb_*.cpp.
#include "proto/smtp/command.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/smtp/replies.h"

namespace ringpost::smtp {
namespace {

constexpr std::size_t verb_letters_max = 8;

// Up to eight letters in lower case as one number, so that a verb is found by comparing numbers.
constexpr std::uint64_t packed(std::string_view word) {
  std::uint64_t value = 0;
  for (const char c : word) value = value << 8 | static_cast<unsigned char>(ascii::to_lower(c));
  return value;
}

// In the order of Verb.
constexpr std::array<std::uint64_t, verb_count - 1> verb_names{
    packed("helo"), packed("ehlo"), packed("mail"),     packed("rcpt"), packed("data"),
    packed("bdat"), packed("rset"), packed("noop"),     packed("quit"), packed("vrfy"),
    packed("expn"), packed("help"), packed("starttls"), packed("auth")};

template <class Parsed>
std::expected<Command, ReplyView> widened(std::expected<Parsed, ReplyView> parsed) {
  if (!parsed) return std::unexpected(parsed.error());
  return Command(std::move(*parsed));
}

}  // namespace

Verb verb_of(std::string_view word) {
  if (word.size() > verb_letters_max) return Verb::Unknown;
  const auto found = std::ranges::find(verb_names, packed(word));
  return static_cast<Verb>(found - verb_names.begin());
}

std::expected<CommandLine, ReplyView> split_command(std::string_view line) {
  const auto is_bad = [](char c) { return ascii::is_control(c) && c != '\t'; };
  if (const auto bad = std::ranges::find_if(line, is_bad); bad != line.end())
    return std::unexpected(*bad == '\r' || *bad == '\n' ? replies::bare_line_end_in_command
                                                        : replies::bad_octet);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  // RFC 5321 4.1.1: blanks before CRLF are tolerated.
  return CommandLine{verb_of(word), ascii::trim(line.substr(word.size()))};
}

std::expected<Command, ReplyView> parse_command(std::string_view line) {
  const auto split = split_command(line);
  if (!split) return std::unexpected(split.error());
  switch (split->verb) {
    case Verb::Helo:
    case Verb::Ehlo:
      return widened(parse_hello(split->verb, split->arguments));
    case Verb::Mail:
      return widened(parse_mail(split->arguments));
    case Verb::Rcpt:
      return widened(parse_rcpt(split->arguments));
    case Verb::Bdat:
      return widened(parse_bdat(split->arguments));
    default:
      return widened(parse_other(split->verb, split->arguments));
  }
}

}  // namespace ringpost::smtp
