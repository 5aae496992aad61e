// One keyword a line, after the first line; see announced.h.
#include "proto/smtp/announced.h"

#include "proto/base/ascii.h"

namespace ringpost::smtp {
namespace {

// RFC 4954 3
void take_mechanisms(std::string_view words, Announced& announced) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    const std::string_view word = words.substr(0, end);
    if (ascii::equal_ignoring_case(word, "PLAIN")) announced.auth_plain = true;
    if (ascii::equal_ignoring_case(word, "LOGIN")) announced.auth_login = true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

void take_keyword(std::string_view line, Announced& announced) {
  // Servers of old wrote AUTH=, for clients as old.
  const std::size_t end = std::min(line.find_first_of(" ="), line.size());
  const std::string_view keyword = line.substr(0, end);
  const auto is = [keyword](std::string_view name) {
    return ascii::equal_ignoring_case(keyword, name);  // RFC 5321 2.4
  };
  if (is("PIPELINING")) announced.pipelining = true;
  if (is("8BITMIME")) announced.eight_bit_mime = true;
  if (is("SMTPUTF8")) announced.smtputf8 = true;
  if (is("DSN")) announced.dsn = true;
  if (is("CHUNKING")) announced.chunking = true;
  if (is("STARTTLS")) announced.starttls = true;
  if (is("AUTH") && end < line.size()) take_mechanisms(line.substr(end + 1), announced);
  if (!is("SIZE") || (end < line.size() && line[end] == '=')) return;
  announced.size = true;
  announced.size_octets_max = ascii::parse_decimal(ascii::trim(line.substr(end))).value_or(0);
}

}  // namespace

Announced parse_announced(const ReplyView& reply) {
  Announced announced;
  std::string_view rest = reply.text;
  for (std::size_t feed = rest.find('\n'); feed != std::string_view::npos; feed = rest.find('\n')) {
    rest.remove_prefix(feed + 1);
    take_keyword(rest.substr(0, rest.find('\n')), announced);
  }
  return announced;
}

}  // namespace ringpost::smtp
