// Replies on the wire: RFC 5321 4.2.1 (several lines), RFC 2034 section 4 (enhanced status on every
// line). Cannot fail.
#include "proto/smtp/reply.h"

#include <algorithm>

#include <fmt/format.h>

namespace ringpost::smtp {
namespace {

void append_line(std::string& target, const ReplyView& reply, std::string_view line, bool last) {
  const std::size_t begin = target.size();
  target += fmt::format_int(reply.code).c_str();
  target += last ? ' ' : '-';
  // RFC 2034 4
  if (reply.enhanced.is_present())
    fmt::format_to(std::back_inserter(target), "{}.{}.{} ", reply.enhanced.status_class,
                   reply.enhanced.subject, reply.enhanced.detail);
  const std::size_t room = reply_line_octets_max - (target.size() - begin) - 2;
  const std::size_t text = target.size();
  target += line.substr(0, room);
  // RFC 5321 4.2: textstring is printable ASCII and blanks.
  std::replace_if(
      target.begin() + static_cast<std::ptrdiff_t>(text), target.end(),
      [](char c) { return (c < ' ' && c != '\t') || c > '~'; }, '?');
  target += "\r\n";
}

}  // namespace

void append_reply(std::string& target, const ReplyView& reply) {
  std::string_view rest = reply.text;
  for (;;) {
    const std::size_t end = rest.find('\n');
    append_line(target, reply, rest.substr(0, end), end == std::string_view::npos);
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace ringpost::smtp
