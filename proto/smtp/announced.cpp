// One keyword a line, after the first line; see announced.h.
#include "proto/smtp/announced.h"

#include "proto/base/ascii.h"

namespace ringpost::smtp {
namespace {

void take_keyword(std::string_view line, Announced& announced) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view keyword = line.substr(0, end);
  const auto is = [keyword](std::string_view name) {
    return ascii::equal_ignoring_case(keyword, name);  // RFC 5321 2.4
  };
  if (is("PIPELINING")) announced.pipelining = true;
  if (is("8BITMIME")) announced.eight_bit_mime = true;
  if (is("SMTPUTF8")) announced.smtputf8 = true;
  if (is("DSN")) announced.dsn = true;
  if (is("CHUNKING")) announced.chunking = true;
  if (!is("SIZE")) return;
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
