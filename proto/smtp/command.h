// One command line taken apart: RFC 5321 4.1.1 and the parameters of the extensions that are
// announced. A line that is not of the grammar gives the reply that refuses it. Work is linear in
// the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <variant>

#include "proto/smtp/event.h"
#include "proto/smtp/reply.h"

namespace ringpost::smtp {

enum class Verb : std::uint8_t {
  Helo,
  Ehlo,
  Mail,
  Rcpt,
  Data,
  Bdat,
  Rset,
  Noop,
  Quit,
  Vrfy,
  Expn,
  Help,
  StartTls,
  Auth,
  Unknown,
};
inline constexpr std::size_t verb_count = 15;

// RFC 3030 section 2
struct Chunk {
  std::uint64_t octets = 0;
  bool last = false;

  bool operator==(const Chunk&) const = default;
};

// A verb and what it was given; Verb for those without arguments that matter.
using Command = std::variant<HelloReceived, MailFrom, RcptTo, Chunk, Verb>;

struct CommandLine {
  Verb verb = Verb::Unknown;
  std::string_view arguments;  // without the blanks around them; a view of the line
};

// The verb that a word is, in any case.
Verb verb_of(std::string_view word);
// `line` is without its CRLF. Refuses octets that may not stand in any command (RFC 5321 4.1.1).
std::expected<CommandLine, ReplyView> split_command(std::string_view line);

// Arguments of each verb, as split_command left them. Replies have static text. Addresses without
// a domain get `domain`, or are refused when it is empty.
std::expected<HelloReceived, ReplyView> parse_hello(Verb verb, std::string_view arguments);
std::expected<MailFrom, ReplyView> parse_mail(std::string_view arguments,
                                              std::string_view domain = {});
std::expected<RcptTo, ReplyView> parse_rcpt(std::string_view arguments,
                                            std::string_view domain = {});
std::expected<Chunk, ReplyView> parse_bdat(std::string_view arguments);
std::expected<Verb, ReplyView> parse_other(Verb verb, std::string_view arguments);

// All of it in one step.
std::expected<Command, ReplyView> parse_command(std::string_view line);

}  // namespace ringpost::smtp
