// Replies as data: a code, an enhanced status and text of one or more lines (RFC 5321 4.2, RFC
// 2034). ReplyView is what constants and decisions are made of (no allocation); Reply owns its
// text. Printing cannot fail: text that does not fit the grammar is made to fit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/smtp/enhanced_status.h"

namespace ringpost::smtp {

// RFC 5321 4.5.3.1.5
inline constexpr std::size_t reply_line_octets_max = 512;

// The text must live as long as the view; lines are separated by '\n'.
struct ReplyView {
  std::uint16_t code = 0;
  EnhancedStatus enhanced;
  std::string_view text;

  constexpr bool operator==(const ReplyView&) const = default;
  constexpr unsigned severity() const { return code / 100u; }
  constexpr bool is_positive() const { return severity() == 2 || severity() == 3; }
};

struct Reply {
  std::uint16_t code = 0;
  EnhancedStatus enhanced;
  std::string text;  // lines separated by '\n'

  Reply() = default;
  Reply(std::uint16_t reply_code, EnhancedStatus status, std::string lines)
      : code(reply_code), enhanced(status), text(std::move(lines)) {}
  explicit Reply(const ReplyView& view)
      : code(view.code), enhanced(view.enhanced), text(view.text) {}

  bool operator==(const Reply&) const = default;
  ReplyView view() const { return {code, enhanced, text}; }
};

// Appends the reply as it goes over the wire: every line with code and enhanced status, ended by
// CRLF. Octets that may not stand in a reply become '?', and a line that is too long is cut.
void append_reply(std::string& target, const ReplyView& reply);

}  // namespace ringpost::smtp
